"""Names of ours that are API: the group, label and annotation keys, the field manager.

Users select, filter and write policies by them: they change only with the API version.
"""

from typing import Final

GROUP: Final = "wfreport.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "wfreport.dev/v1alpha1"
KIND_REPORT: Final = "WorkflowReport"
PLURAL_REPORTS: Final = "workflowreports"

FIELD_MANAGER: Final = "wfreport"
"""The one manager of all that we write by server-side apply."""

LABEL_WORKFLOW: Final = "wfreport.dev/workflow"
"""On an automatic report: the Workflow's name (cut and hashed over 63 characters)."""

LABEL_WORKFLOW_UID: Final = "wfreport.dev/workflow-uid"
"""On an automatic report: the Workflow's uid. A report without it was made by a user."""

ANNOTATION_SKIP: Final = "wfreport.dev/skip"
"""On a Workflow, ``"true"``: no automatic report is made of it."""

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
"""On a failed pod that a policy labelled: the report that tells of it (cut and hashed over 63 characters)."""

LABEL_ROOT: Final = "wfreport.dev/root"
"""On a resubmission of ours, and on a Remediation: name of the chain's first Workflow (cut and hashed)."""

LABEL_ROOT_UID: Final = "wfreport.dev/root-uid"
"""On a resubmission of ours, and on a Remediation: uid of the chain's first Workflow."""

LABEL_ATTEMPT: Final = "wfreport.dev/attempt"
"""On a resubmission of ours: which attempt of its chain it is, from 1."""

LABEL_REMEDIATION_UID: Final = "wfreport.dev/remediation-uid"
"""On a Workflow that we made: uid of the Remediation that asked for it. Without it, the Workflow is not ours."""

LABEL_POLICY: Final = "wfreport.dev/policy"
"""On a Remediation and on what it made: name of the policy (cut and hashed over 63 characters)."""

LABEL_NOTIFY: Final = "wfreport.dev/notify"
"""On a Secret, ``"true"``: policies of its namespace may send notifications by it."""

ANNOTATION_REMEDIATION_UID: Final = "wfreport.dev/remediation-uid"
"""On a Workflow that was told to stop and on a CronWorkflow that was suspended: uid of the Remediation that did it."""
