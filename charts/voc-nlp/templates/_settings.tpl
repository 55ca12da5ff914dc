{{/* Plain settings of the object store, as YAML: the steps and the operator read them alike. */}}
{{- define "voc-nlp.storeSettings" -}}
STORE: {{ .Values.store.address | quote }}
{{- with .Values.store.modelAddress }}
MODEL_STORE: {{ . | quote }}
{{- end }}
{{- with .Values.store.endpointUrl }}
S3_ENDPOINT_URL: {{ . | quote }}
{{- end }}
{{- if .Values.store.pathStyle }}
S3_PATH_STYLE: "true"
{{- end }}
{{- with .Values.store.region }}
AWS_DEFAULT_REGION: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Plain settings of the steps that have values of their own, as YAML; names as in .env.example. */}}
{{- define "voc-nlp.ownSettings" -}}
{{- $values := .Values -}}
{{- include "voc-nlp.storeSettings" . }}
DB_HOST: {{ $values.database.host | quote }}
DB_PORT: {{ $values.database.port | int | quote }}
DB_NAME: {{ $values.database.name | quote }}
DB_SSLMODE: {{ $values.database.sslmode }}
WRITE_CLASSIFICATION: {{ $values.database.writeClassification | quote }}
TIME_ZONE: {{ $values.timeZone }}
REVIEW_BACKEND: {{ $values.review.backend }}
{{- with $values.review.sheetsId }}
SHEETS_ID: {{ . | quote }}
{{- end }}
{{- with $values.review.endpointUrl }}
SHEETS_ENDPOINT: {{ . | quote }}
{{- end }}
{{- if $values.review.google.existingSecret }}
GOOGLE_APPLICATION_CREDENTIALS: {{ printf "%s/%s" (include "voc-nlp.googleFolder" .) $values.review.google.key | quote }}
{{- end }}
{{- if $values.database.source }}
SOURCE_CONFIG: {{ include "voc-nlp.filesFolder" . }}/source.yaml
{{- end }}
{{- if $values.review.sheetsMap }}
SHEETS_MAP: {{ include "voc-nlp.filesFolder" . }}/sheets.yaml
{{- end }}
{{- with $values.model.release }}
MODEL_RELEASE: {{ . | quote }}
{{- end }}
{{- with $values.model.sha256 }}
MODEL_DIGEST: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* All plain settings of the steps. */}}
{{- define "voc-nlp.settings" -}}
{{- include "voc-nlp.ownSettings" . }}
{{- range $name, $value := .Values.settings }}
{{ $name }}: {{ $value | toString | quote }}
{{- end }}
{{- end -}}

{{- define "voc-nlp.filesFolder" -}}/etc/voc-nlp/files{{- end -}}
{{- define "voc-nlp.googleFolder" -}}/etc/voc-nlp/google{{- end -}}

{{/* Whether the steps have files of their own, and the text of those files as YAML. */}}
{{- define "voc-nlp.files" -}}
{{- with .Values.database.source }}
source.yaml: |
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.review.sheetsMap }}
sheets.yaml: |
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Volumes of every step, as YAML {volumes, volumeMounts}. */}}
{{- define "voc-nlp.stepVolumes" -}}
{{- $volumes := list -}}
{{- $mounts := list -}}
{{- if include "voc-nlp.files" . -}}
{{- $volumes = append $volumes (dict "name" "files" "configMap" (dict "name" (printf "%s-files" (include "voc-nlp.fullname" .)))) -}}
{{- $mounts = append $mounts (dict "name" "files" "mountPath" (include "voc-nlp.filesFolder" .) "readOnly" true) -}}
{{- end -}}
{{- with .Values.review.google.existingSecret -}}
{{- $volumes = append $volumes (dict "name" "google" "secret" (dict "secretName" .)) -}}
{{- $mounts = append $mounts (dict "name" "google" "mountPath" (include "voc-nlp.googleFolder" $) "readOnly" true) -}}
{{- end -}}
{{- dict "volumes" (concat $volumes .Values.jobs.volumes) "volumeMounts" (concat $mounts .Values.jobs.volumeMounts) | toYaml -}}
{{- end -}}

{{/* Secrets whose keys become settings of the steps, as a YAML list. */}}
{{- define "voc-nlp.stepSecrets" -}}
{{- compact (concat (list .Values.database.existingSecret .Values.store.existingSecret) .Values.extraSecrets) | uniq | toYaml -}}
{{- end -}}
