{{/* The CronJob that makes one mode's VocMonthlyRun. Call with (dict "root" $ "mode" "full"). */}}
{{- define "voc-nlp.cronJob" -}}
{{- $values := .root.Values -}}
{{- $schedule := index $values.schedules .mode -}}
{{- if $schedule.enabled -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  {{- include "voc-nlp.metadata" (dict "root" .root "name" (printf "%s-%s" (include "voc-nlp.fullname" .root) .mode) "component" "trigger") | nindent 2 }}
spec:
  schedule: {{ $schedule.schedule | quote }}
  timeZone: {{ $values.timeZone }}
  suspend: {{ $schedule.suspend }}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: {{ $values.schedules.startingDeadlineSeconds | int }}
  successfulJobsHistoryLimit: {{ $values.schedules.historyLimit | int }}
  failedJobsHistoryLimit: {{ $values.schedules.historyLimit | int }}
  jobTemplate:
    metadata:
      labels:
        {{- include "voc-nlp.labels" (dict "root" .root "component" "trigger") | nindent 8 }}
    spec:
      # The trigger makes one object of a fixed name, so trying again is safe.
      backoffLimit: 4
      activeDeadlineSeconds: 1800
      template:
        metadata:
          labels:
            {{- include "voc-nlp.labels" (dict "root" .root "component" "trigger") | nindent 12 }}
        spec:
          {{- include "voc-nlp.podSpec" (dict "root" .root "account" "trigger") | nindent 10 }}
          automountServiceAccountToken: true
          restartPolicy: Never
          containers:
            {{- include "voc-nlp.operatorTool" (dict "root" .root "name" "trigger" "args" (list "trigger" "--mode" .mode) "env" (include "voc-nlp.triggerEnv" .root)) | nindent 12 }}
          volumes:
            {{- include "voc-nlp.operatorVolumes" .root | nindent 12 }}
{{- end }}
{{- end -}}

{{- define "voc-nlp.triggerEnv" -}}
- name: JOB_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['batch.kubernetes.io/job-name']
- name: TIME_ZONE
  value: {{ .Values.timeZone }}
{{- end -}}
