"""The kinds that wfreport reads or writes, and where the API server serves them."""

from typing import Final

from msgspec import Struct

from wfreport.api import argo, names
from wfreport.kube.errors import NotFoundError
from wfreport.kube.paths import PathNameError, path_segment


class ResourceType(Struct, frozen=True):
    """A kind and its address: apimachinery's GroupVersionKind and GroupVersionResource in one.

    Attributes:
        api_version: group and version, e.g. ``argoproj.io/v1alpha1``; ``v1`` for the core group.
        kind: e.g. ``Workflow``.
        plural: the name in URLs, e.g. ``workflows``.
    """

    api_version: str
    kind: str
    plural: str

    def path(self, namespace: str | None, name: str | None = None, subresource: str = "") -> str:
        """Return the path of an object, or of the collection if ``name`` is None; namespace None is the whole cluster.

        Raises:
            NotFoundError: the namespace or the name is none that an object can have, e.g. ``..`` or an empty one.
        """
        base = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        try:
            scope = "" if namespace is None else f"/namespaces/{path_segment(namespace)}"
            item = "" if name is None else f"/{path_segment(name)}"
        except PathNameError as error:
            raise NotFoundError(str(error), status=404) from None
        return f"{base}{scope}/{self.plural}{item}{f'/{subresource}' if subresource else ''}"


WORKFLOW: Final = ResourceType(argo.API_VERSION, "Workflow", "workflows")
CRON_WORKFLOW: Final = ResourceType(argo.API_VERSION, "CronWorkflow", "cronworkflows")

REPORT: Final = ResourceType(names.API_VERSION, names.KIND_REPORT, names.PLURAL_REPORTS)
POLICY: Final = ResourceType(names.API_VERSION, names.KIND_POLICY, names.PLURAL_POLICIES)
REMEDIATION: Final = ResourceType(names.API_VERSION, names.KIND_REMEDIATION, names.PLURAL_REMEDIATIONS)

EVENT: Final = ResourceType("v1", "Event", "events")
LIMIT_RANGE: Final = ResourceType("v1", "LimitRange", "limitranges")
NAMESPACE: Final = ResourceType("v1", "Namespace", "namespaces")
POD: Final = ResourceType("v1", "Pod", "pods")
RESOURCE_QUOTA: Final = ResourceType("v1", "ResourceQuota", "resourcequotas")
SECRET: Final = ResourceType("v1", "Secret", "secrets")

LEASE: Final = ResourceType("coordination.k8s.io/v1", "Lease", "leases")
SELF_SUBJECT_REVIEW: Final = ResourceType("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews")
SELF_SUBJECT_ACCESS_REVIEW: Final = ResourceType(
    "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews"
)
SUBJECT_ACCESS_REVIEW: Final = ResourceType("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews")
DEPLOYMENT: Final = ResourceType("apps/v1", "Deployment", "deployments")
