{{- define "voc-nlp.validateRequired" -}}
{{- if not .Values.store.address -}}
{{- fail "store.address is missing. Set it to the address of the object store, such as s3://bucket/stat/voc." -}}
{{- end -}}
{{- if not .Values.database.host -}}
{{- fail "database.host is missing. Set it to the host of the PostgreSQL that holds the VOC." -}}
{{- end -}}
{{- if not .Values.database.existingSecret -}}
{{- fail "database.existingSecret is missing. Create a Secret with the keys DB_USER and DB_PASSWORD and name it here." -}}
{{- end -}}
{{- if and (eq .Values.review.backend "sheets") (not .Values.review.sheetsId) (not .Values.review.sheetsMap) -}}
{{- fail "review.backend is sheets, but no spreadsheet is named. Set review.sheetsId, or review.sheetsMap for a spreadsheet per building." -}}
{{- end -}}
{{- end -}}

{{/* A ConfigMap is no place for secrets, and a setting with a value of its own must be said once. */}}
{{- define "voc-nlp.validateSettings" -}}
{{- $own := include "voc-nlp.ownSettings" . | fromYaml -}}
{{- range $name, $_ := .Values.settings -}}
{{- if regexMatch "PASSWORD|SECRET|TOKEN|ACCESS_KEY" $name -}}
{{- fail (printf "settings.%s is a secret, and settings go into a ConfigMap. Put it into a Secret and name that in extraSecrets." $name) -}}
{{- else if hasKey $own $name -}}
{{- fail (printf "settings.%s is set by a value of its own. Remove it from settings and use that value." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Both or none: a release without its hash could be another one tomorrow, a hash without its release says nothing. */}}
{{- define "voc-nlp.validatePins" -}}
{{- $release := .Values.model.release -}}
{{- $sha256 := .Values.model.sha256 -}}
{{- if and (eq $release "keyword") $sha256 -}}
{{- fail "model.sha256 does not belong to the keyword tagger. Empty it, or set model.release to a release such as 20260116." -}}
{{- else if and $release (ne $release "keyword") (not $sha256) -}}
{{- fail (printf "model.release is %s, but model.sha256 is missing. Set it to the SHA-256 of releases/%s.json in the model store." $release $release) -}}
{{- else if and $sha256 (not $release) -}}
{{- fail "model.sha256 is set, but model.release is missing. Set the release that it belongs to, or empty both to follow champion.json." -}}
{{- end -}}
{{- end -}}

{{/* An unknown zone formats as UTC. A machine without zone data knows none, so ask for a zone that exists first. */}}
{{- define "voc-nlp.validateTimeZone" -}}
{{- $zone := .Values.timeZone -}}
{{- $known := eq (dateInZone "MST" now "Asia/Seoul") "KST" -}}
{{- $same := list "UTC" "UCT" "Universal" "Zulu" "Etc/UTC" "Etc/UCT" "Etc/Universal" "Etc/Zulu" -}}
{{- if and $known (eq (dateInZone "MST" now $zone) "UTC") (not (has $zone $same)) -}}
{{- fail (printf "timeZone %s is unknown. Use an IANA name such as Asia/Seoul." $zone) -}}
{{- end -}}
{{- end -}}

{{- define "voc-nlp.validateSmoke" -}}
{{- if and .Values.smoke.enabled (or (not .Values.smoke.month) (not .Values.smoke.buildings)) -}}
{{- fail "smoke.enabled is true, but smoke.month or smoke.buildings is missing. Name a month such as 2025-12 and one small building." -}}
{{- end -}}
{{- end -}}

{{/* Two operators in one namespace would both act on every run. lookup finds nothing where there is no cluster. */}}
{{- define "voc-nlp.validateNamespace" -}}
{{- range (lookup "apps/v1" "Deployment" .Release.Namespace "").items -}}
{{- $labels := .metadata.labels | default dict -}}
{{- $ours := and (eq (get $labels "app.kubernetes.io/name") "voc-nlp") (eq (get $labels "app.kubernetes.io/component") "operator") -}}
{{- $instance := get $labels "app.kubernetes.io/instance" -}}
{{- if and $ours (ne $instance $.Release.Name) -}}
{{- fail (printf "Namespace %s already holds the release %s of voc-nlp, and two operators would act on the same runs. Use another namespace, or upgrade %s." $.Release.Namespace $instance $instance) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Secrets that exist must have their keys; those that do not may be made later, by External Secrets for instance. */}}
{{- define "voc-nlp.validateSecrets" -}}
{{- include "voc-nlp.validateKeys" (dict "root" . "value" "database.existingSecret" "name" .Values.database.existingSecret "keys" (list "DB_USER" "DB_PASSWORD")) -}}
{{- $s3 := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" -}}
{{- include "voc-nlp.validateKeys" (dict "root" . "value" "store.existingSecret" "name" .Values.store.existingSecret "keys" $s3) -}}
{{- include "voc-nlp.validateKeys" (dict "root" . "value" "store.operatorExistingSecret" "name" .Values.store.operatorExistingSecret "keys" $s3) -}}
{{- include "voc-nlp.validateKeys" (dict "root" . "value" "review.google.existingSecret" "name" .Values.review.google.existingSecret "keys" (list .Values.review.google.key)) -}}
{{- end -}}

{{- define "voc-nlp.validateKeys" -}}
{{- if .name -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace .name -}}
{{- range $key := .keys -}}
{{- if and $secret (not (hasKey ($secret.data | default dict) $key)) -}}
{{- fail (printf "%s names the Secret %s, which has no key %s. Add the key to the Secret." $.value $.name $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
