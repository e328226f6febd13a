{{/* The name of all objects: `wfreport`, unless the release is named otherwise. */}}
{{- define "wfreport.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" -}}
{{- else if contains "wfreport" .Release.Name -}}
{{- .Release.Name | trunc 46 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-wfreport" .Release.Name | trunc 46 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "wfreport.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "wfreport.fullname" .) -}}
{{- end -}}

{{/* The labels by which pods are selected. They never change during the life of a release. */}}
{{- define "wfreport.selectorLabels" -}}
app.kubernetes.io/name: wfreport
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "wfreport.labels" -}}
{{ include "wfreport.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* The live page's own labels: the Service and the policies of the operator must not select its pods. */}}
{{- define "wfreport.uiSelectorLabels" -}}
app.kubernetes.io/name: wfreport-ui
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "wfreport.uiLabels" -}}
{{ include "wfreport.uiSelectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "wfreport.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
