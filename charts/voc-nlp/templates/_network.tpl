{{/* One egress rule. Call with (dict "rule" (dict "cidrs" …) "ports" (list …) "protocols" (list "TCP")). */}}
{{- define "voc-nlp.egress" -}}
- ports:
    {{- range $port := .ports }}
    {{- range $protocol := $.protocols | default (list "TCP") }}
    - {protocol: {{ $protocol }}, port: {{ $port | int }}}
    {{- end }}
    {{- end }}
  {{- with .rule.cidrs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
{{- end -}}

{{/* Ports of an address: those that are configured, else the address's own, else its scheme's. As JSON. */}}
{{- define "voc-nlp.addressPorts" -}}
{{- $url := urlParse .address -}}
{{- $scheme := ternary 80 443 (eq $url.scheme "http") -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) -}}
{{- .configured | default (list ($port | default $scheme | int)) | toJson -}}
{{- end -}}

{{- define "voc-nlp.storePorts" -}}
{{- include "voc-nlp.addressPorts" (dict "configured" .Values.networkPolicy.store.ports "address" .Values.store.endpointUrl) -}}
{{- end -}}

{{- define "voc-nlp.googlePorts" -}}
{{- include "voc-nlp.addressPorts" (dict "configured" .Values.networkPolicy.google.ports "address" .Values.review.endpointUrl) -}}
{{- end -}}
