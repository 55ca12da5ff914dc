{{/* One step of the operator's configuration: the step's own values over those of gpu, jobs and kueue. */}}
{{- define "voc-nlp.stepConfig" -}}
{{- $values := .root.Values -}}
{{- $shared := include "voc-nlp.stepVolumes" .root | fromYaml -}}
{{- $gpus := .step.gpus | default 0 | int -}}
{{- $gpu := ternary $values.gpu (dict) (gt $gpus 0) -}}
{{- $config := dict "gpus" $gpus -}}
{{- with .step.resources }}{{ $_ := set $config "resources" . }}{{ end -}}
{{- with merge (dict) (.step.nodeSelector | default dict) ($gpu.nodeSelector | default dict) $values.jobs.nodeSelector }}{{ $_ := set $config "nodeSelector" . }}{{ end -}}
{{- with concat $values.jobs.tolerations ($gpu.tolerations | default list) (.step.tolerations | default list) | uniq }}{{ $_ := set $config "tolerations" . }}{{ end -}}
{{- with .step.runtimeClassName | default $gpu.runtimeClassName }}{{ $_ := set $config "runtimeClassName" . }}{{ end -}}
{{- with .step.priorityClassName | default $values.jobs.priorityClassName }}{{ $_ := set $config "priorityClassName" . }}{{ end -}}
{{- with .step.queueName | default $values.kueue.queueName }}{{ $_ := set $config "queueName" . }}{{ end -}}
{{- with .step.scratchSize }}{{ $_ := set $config "scratchSize" . }}{{ end -}}
{{- with concat ($shared.volumes | default list) (.step.volumes | default list) }}{{ $_ := set $config "volumes" . }}{{ end -}}
{{- with concat ($shared.volumeMounts | default list) (.step.volumeMounts | default list) }}{{ $_ := set $config "volumeMounts" . }}{{ end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The operator's configuration file, in the schema of voc_operator.config.OperatorConfig. */}}
{{- define "voc-nlp.operatorConfig" -}}
workerImage: {{ include "voc-nlp.image" (dict "root" . "image" .Values.images.worker) }}
{{- if .Values.images.workerGpu.repository }}
workerGpuImage: {{ include "voc-nlp.image" (dict "root" . "image" .Values.images.workerGpu) }}
{{- end }}
trainerImage: {{ include "voc-nlp.image" (dict "root" . "image" .Values.images.trainer) }}
operatorImage: {{ include "voc-nlp.image" (dict "root" . "image" .Values.images.operator) }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
serviceAccount: {{ include "voc-nlp.serviceAccount" (dict "root" . "account" "jobs") }}
gpuResource: {{ .Values.gpu.resource }}
configMaps:
  - {{ include "voc-nlp.fullname" . }}-jobs
secrets:
  {{- include "voc-nlp.stepSecrets" . | nindent 2 }}
terminationGracePeriodSeconds: {{ .Values.jobs.terminationGracePeriodSeconds | int }}
attemptDeadlineSeconds: {{ .Values.jobs.attemptDeadlineSeconds | int }}
runs:
  {{- toYaml .Values.runs | nindent 2 }}
retryPauseSeconds: {{ .Values.retries.pauseSeconds }}
outagePauseSeconds: {{ .Values.retries.outagePauseSeconds }}
lostPodSeconds: {{ .Values.retries.lostPodSeconds }}
blockedSeconds: {{ .Values.retries.blockedSeconds }}
statusIntervalSeconds: {{ .Values.retries.statusIntervalSeconds }}
{{- range $name, $step := .Values.steps }}
{{ $name }}:
  {{- include "voc-nlp.stepConfig" (dict "root" $ "step" $step) | nindent 2 }}
{{- end }}
{{- end -}}
