{{/* A ClusterRole that becomes part of the cluster's own role `to`. Call with (dict "root" $ "to" "view" "rules" (list …)). */}}
{{- define "voc-nlp.aggregate" -}}
{{- if and .root.Values.crds.create .root.Values.crds.aggregateRoles -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  {{- $to := dict (printf "rbac.authorization.k8s.io/aggregate-to-%s" .to) "true" }}
  {{- include "voc-nlp.clusterMetadata" (dict "root" .root "name" (printf "vocmonthlyruns.vocnlp.io-%s" .to) "component" "crd" "labels" $to) | nindent 2 }}
rules:
  {{- toYaml .rules | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "voc-nlp.runRule" -}}
{{- dict "apiGroups" (list "vocnlp.io") "resources" (list .resource) "verbs" .verbs | toYaml -}}
{{- end -}}
