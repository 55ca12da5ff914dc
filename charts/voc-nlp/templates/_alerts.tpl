{{/* One alert. Call with (dict "root" $ "alert" "…" "expr" "…" "for" "5m" "severity" "critical" "summary" "…" "description" "…"). */}}
{{- define "voc-nlp.alert" -}}
{{- $rule := .root.Values.monitoring.prometheusRule -}}
- alert: {{ .alert }}
  expr: |
    {{- .expr | trim | nindent 4 }}
  {{- with .for }}
  for: {{ . }}
  {{- end }}
  labels:
    severity: {{ .severity }}
    {{- with $rule.alertLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    summary: {{ .summary | quote }}
    description: {{ .description | quote }}
    runbook_url: {{ printf "%s/%s.md" (default "docs/runbooks" (trimSuffix "/" $rule.runbookBaseUrl)) .alert | quote }}
{{- end -}}

{{/* Runs of this namespace in a phase, whichever pod of the operator counts them. Call with (dict "root" $ "phase" "Failed" "ago" "offset 1d"). */}}
{{- define "voc-nlp.runsIn" -}}
sum by (namespace, mode) (voc_nlp_runs{namespace={{ .root.Release.Namespace | quote }}, phase=~{{ .phase | quote }}}{{ with .ago }} {{ . }}{{ end }})
{{- end -}}

{{/* More runs in a phase than a day ago (than none, if nothing was counted then): an old record does not alert for ever. */}}
{{- define "voc-nlp.moreRunsIn" -}}
{{- $now := include "voc-nlp.runsIn" . -}}
{{- $before := include "voc-nlp.runsIn" (merge (dict "ago" "offset 1d") .) -}}
{{ $now }}
  > ({{ $before }} or {{ $now }} * 0)
{{- end -}}

{{- define "voc-nlp.runAlerts" -}}
{{ include "voc-nlp.alert" (dict "root" . "alert" "VocNlpRunFailed" "severity" "critical"
  "expr" (include "voc-nlp.moreRunsIn" (dict "root" . "phase" "Failed"))
  "summary" "A run of mode {{ $labels.mode }} failed in {{ $labels.namespace }}."
  "description" "kubectl get vocmonthlyruns -n {{ $labels.namespace }} names it; its conditions say why.") }}
{{ include "voc-nlp.alert" (dict "root" . "alert" "VocNlpRunPartiallySucceeded" "severity" "warning"
  "expr" (include "voc-nlp.moreRunsIn" (dict "root" . "phase" "PartiallySucceeded"))
  "summary" "Buildings are missing from a run of mode {{ $labels.mode }} in {{ $labels.namespace }}."
  "description" "status.buildings of the run names them. Raise spec.retryFailed by one when the cause is gone.") }}
{{ include "voc-nlp.alert" (dict "root" . "alert" "VocNlpRunNotFinishing" "severity" "warning" "for" "12h"
  "expr" (printf "%s > 0" (include "voc-nlp.runsIn" (dict "root" . "phase" "Pending|Preparing|Running|Publishing")))
  "summary" "A run of mode {{ $labels.mode }} in {{ $labels.namespace }} has been unfinished for 12 hours."
  "description" "It waits for nodes, cards, a queue or another run of the same month; its conditions say for what.") }}
{{- end -}}

{{/* Missed: the due day has passed and nothing succeeded since it began. A cron without a plain day falls back to an age. */}}
{{- define "voc-nlp.missed" -}}
{{- $last := printf "max by (namespace, mode) (voc_nlp_last_success_timestamp_seconds{namespace=%q, mode=%q})" .root.Release.Namespace .mode -}}
{{- $day := index (regexSplit "\\s+" (trim .schedule) -1) 2 -}}
{{- if regexMatch "^[0-9]+$" $day -}}
{{- $local := printf "vector(time() + %d)" (.root.Values.monitoring.prometheusRule.utcOffsetSeconds | int) -}}
time() - {{ $last }}
  > scalar((day_of_month({{ $local }}) - {{ $day }}) * 86400 + hour({{ $local }}) * 3600 + minute({{ $local }}) * 60 + 60)
and on () day_of_month({{ $local }}) > {{ $day }}
{{- else -}}
time() - {{ $last }} > 33 * 86400
{{- end -}}
{{- end -}}

{{- define "voc-nlp.monthAlerts" -}}
{{- range $mode := list "full" "refresh" "train" -}}
{{- $schedule := index $.Values.schedules $mode -}}
{{- if and $schedule.enabled (not $schedule.suspend) }}
{{ include "voc-nlp.alert" (dict "root" $ "alert" "VocNlpMonthMissed" "for" "10m" "severity" "critical"
  "expr" (include "voc-nlp.missed" (dict "root" $ "mode" $mode "schedule" $schedule.schedule))
  "summary" (printf "No run of mode %s has succeeded in {{ $labels.namespace }} since it was due." $mode)
  "description" "voc backfill --months makes up for it: it retries a run that exists and creates one that does not.") }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "voc-nlp.operatorAlerts" -}}
{{- $minutes := .Values.monitoring.prometheusRule.notProcessingMinutes | int -}}
{{- $processed := printf "voc_nlp_last_processed_timestamp_seconds{namespace=%q}" .Release.Namespace -}}
{{ include "voc-nlp.alert" (dict "root" . "alert" "VocNlpOperatorNotProcessing" "for" "5m" "severity" "critical"
  "expr" (printf "time() - max by (namespace) (%s) > %d * 60\nor absent(%s)" $processed $minutes $processed)
  "summary" (printf "The operator of {{ $labels.namespace }} has not looked at its runs for %d minutes." $minutes)
  "description" "Runs neither start nor finish. kubectl get pods and logs of the operator say why.") }}
{{- end -}}
