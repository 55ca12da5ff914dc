{{/* Prefix of object names: the release, with the chart's name unless it is part of it. CronJobs leave 40 characters. */}}
{{- define "voc-nlp.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $full | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that select: the name is the chart's, because the operator's Jobs carry it, too. */}}
{{- define "voc-nlp.selectorLabels" -}}
app.kubernetes.io/name: voc-nlp
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of every object. Call with (dict "root" $ "component" "operator" "labels" (dict …)). */}}
{{- define "voc-nlp.labels" -}}
{{ include "voc-nlp.selectorLabels" .root }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.environment }}
vocnlp.io/environment: {{ . }}
{{- end }}
{{- with merge (dict) (.labels | default dict) .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* metadata of an object. Call with (dict "root" $ "component" "operator" "name" "…" "annotations" (dict …)). */}}
{{- define "voc-nlp.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
{{- include "voc-nlp.annotations" . }}
labels:
  {{- include "voc-nlp.labels" . | nindent 2 }}
{{- end -}}

{{/* The same for objects without a namespace. */}}
{{- define "voc-nlp.clusterMetadata" -}}
name: {{ .name }}
{{- include "voc-nlp.annotations" . }}
labels:
  {{- include "voc-nlp.labels" . | nindent 2 }}
{{- end -}}

{{- define "voc-nlp.annotations" -}}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Image reference: a digest overrides the tag. Call with (dict "root" $ "image" .Values.images.worker). */}}
{{- define "voc-nlp.image" -}}
{{- $repository := .image.repository -}}
{{- with .root.Values.images.registry -}}{{- $repository = printf "%s/%s" (trimSuffix "/" .) $repository -}}{{- end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Name of a service account. Call with (dict "root" $ "account" "jobs"). */}}
{{- define "voc-nlp.serviceAccount" -}}
{{- $account := index .root.Values.serviceAccounts .account -}}
{{- $own := printf "%s-%s" (include "voc-nlp.fullname" .root) .account -}}
{{- default (ternary $own "default" $account.create) $account.name -}}
{{- end -}}
