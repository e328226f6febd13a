"""Names that are part of wfreport's API: the group, kinds, labels, annotations and the field manager.

Users select objects and write policies by them, so they change only with the API version.
"""

from typing import Final

GROUP: Final = "wfreport.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "wfreport.dev/v1alpha1"
KIND_REPORT: Final = "WorkflowReport"
PLURAL_REPORTS: Final = "workflowreports"

FIELD_MANAGER: Final = "wfreport"
"""The field manager of all server-side applies."""

LABEL_WORKFLOW: Final = "wfreport.dev/workflow"
"""On an automatic report: the Workflow's name (cut and hashed if longer than 63 characters)."""

LABEL_WORKFLOW_UID: Final = "wfreport.dev/workflow-uid"
"""On an automatic report: the Workflow's uid. A report without it was created by a user."""

ANNOTATION_SKIP: Final = "wfreport.dev/skip"
"""On a Workflow, ``"true"``: it gets no automatic report."""

KIND_POLICY: Final = "RemediationPolicy"
PLURAL_POLICIES: Final = "remediationpolicies"
KIND_REMEDIATION: Final = "Remediation"
PLURAL_REMEDIATIONS: Final = "remediations"

ANNOTATION_NO_REMEDIATION: Final = "wfreport.dev/no-remediation"
"""On a Workflow or a Namespace, ``"true"``: no policy acts on it."""

LABEL_FAILURE_CLASS: Final = "wfreport.dev/failure-class"
"""On a failed pod that a policy labelled: the class of its failure."""

LABEL_FINGERPRINT: Final = "wfreport.dev/fingerprint"
"""On a failed pod that a policy labelled: the fingerprint of its failure."""

LABEL_REPORT_NAME: Final = "wfreport.dev/report-name"
"""On a failed pod that a policy labelled: the report with its failure (cut and hashed if longer than 63 characters)."""

LABEL_ROOT: Final = "wfreport.dev/root"
"""On resubmissions by wfreport and on Remediations: name of the chain's first Workflow (cut and hashed)."""

LABEL_ROOT_UID: Final = "wfreport.dev/root-uid"
"""On resubmissions by wfreport and on Remediations: uid of the chain's first Workflow."""

LABEL_ATTEMPT: Final = "wfreport.dev/attempt"
"""On resubmissions by wfreport: the number of the attempt in its chain, from 1."""

LABEL_REMEDIATION_UID: Final = "wfreport.dev/remediation-uid"
"""On a Workflow that wfreport created: uid of its Remediation. Without it, the Workflow is somebody else's."""

LABEL_POLICY: Final = "wfreport.dev/policy"
"""On a Remediation: name of the policy (cut and hashed if longer than 63 characters)."""

LABEL_NOTIFY: Final = "wfreport.dev/notify"
"""On a Secret, ``"true"``: policies of its namespace may use it to send notifications."""

ANNOTATION_RECONCILE_RECORD: Final = "wfreport.dev/reconcile-record"
"""On the Lease: the reconciles that may have killed a leader. To have the abandoned ones tried again, remove it."""

ANNOTATION_POLICY: Final = "wfreport.dev/policy"
"""On a resubmission, for audit: name of the policy."""

ANNOTATION_REMEDIATION: Final = "wfreport.dev/remediation"
"""On a resubmission, for audit: name of the Remediation that created it."""

ANNOTATION_CREATOR: Final = "wfreport.dev/creator"
"""On a resubmission, for audit: the user who submitted the first run of its chain, by Argo's label `creator`."""

ANNOTATION_CREATOR_EMAIL: Final = "wfreport.dev/creator-email"
"""On a resubmission, for audit: e-mail address of that user, by Argo's label `creator-email`."""

ANNOTATION_CREATOR_USERNAME: Final = "wfreport.dev/creator-preferred-username"
"""On a resubmission, for audit: name of that user, by Argo's label `creator-preferred-username`."""

ANNOTATION_REMEDIATION_UID: Final = "wfreport.dev/remediation-uid"
"""On a stopped Workflow and on a suspended CronWorkflow: uid of the Remediation that stopped or suspended it."""
