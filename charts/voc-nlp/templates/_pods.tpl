{{/* What every pod of the operator's image has in common. Call with (dict "root" $ "account" "trigger"). */}}
{{- define "voc-nlp.podSpec" -}}
serviceAccountName: {{ include "voc-nlp.serviceAccount" . }}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.operator.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.operator.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "voc-nlp.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Environment of every container of the operator's image. */}}
{{- define "voc-nlp.operatorEnv" -}}
- name: NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: LOG_LEVEL
  value: {{ .Values.operator.logLevel }}
- name: LOG_FORMAT
  value: json
{{- end -}}

{{/* A short-lived container of the operator's image. Call with (dict "root" $ "name" "trigger" "args" (list …) "env" "…"). */}}
{{- define "voc-nlp.operatorTool" -}}
- name: {{ .name }}
  image: {{ include "voc-nlp.image" (dict "root" .root "image" .root.Values.images.operator) }}
  imagePullPolicy: {{ .root.Values.images.pullPolicy }}
  args: {{ toJson .args }}
  env:
    {{- include "voc-nlp.operatorEnv" .root | nindent 4 }}
    {{- with .env }}
    {{- . | nindent 4 }}
    {{- end }}
  resources:
    {{- toYaml .root.Values.schedules.resources | nindent 4 }}
  securityContext:
    {{- include "voc-nlp.containerSecurity" . | nindent 4 }}
  volumeMounts:
    {{- include "voc-nlp.operatorMounts" . | nindent 4 }}
{{- end -}}

{{- define "voc-nlp.operatorMounts" -}}
- name: config
  mountPath: /etc/voc-nlp
  readOnly: true
- name: scratch
  mountPath: /tmp
{{- end -}}

{{- define "voc-nlp.operatorVolumes" -}}
- name: config
  configMap:
    name: {{ include "voc-nlp.fullname" . }}-operator
- name: scratch
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}
