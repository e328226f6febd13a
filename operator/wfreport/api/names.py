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
