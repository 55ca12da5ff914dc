{{/* A service account. Call with (dict "root" $ "account" "jobs" "component" "jobs"). */}}
{{- define "voc-nlp.serviceAccountObject" -}}
{{- $account := index .root.Values.serviceAccounts .account -}}
{{- if $account.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "voc-nlp.metadata" (merge (dict "name" (include "voc-nlp.serviceAccount" .) "annotations" $account.annotations) .) | nindent 2 }}
automountServiceAccountToken: false
{{- end }}
{{- end -}}

{{/* A RoleBinding from Role `{fullname}-{account}` to that service account. */}}
{{- define "voc-nlp.roleBinding" -}}
{{- if .root.Values.rbac.create -}}
{{- $name := printf "%s-%s" (include "voc-nlp.fullname" .root) .account -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "voc-nlp.metadata" (dict "root" .root "name" $name "component" .account) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "voc-nlp.serviceAccount" . }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
{{- end -}}
