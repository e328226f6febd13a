"""The operator's own identity and permissions."""

from typing import Any

from wfreport.api.argo import Struct
from wfreport.kube.client import Client
from wfreport.kube.kinds import SELF_SUBJECT_ACCESS_REVIEW, SELF_SUBJECT_REVIEW, ResourceType
from wfreport.kube.resource import Resource


class _AccessStatus(Struct, frozen=True):
    allowed: bool = False


class _AccessReview(Struct, frozen=True):
    status: _AccessStatus = _AccessStatus()


class _UserInfo(Struct, frozen=True):
    username: str = ""


class _IdentityStatus(Struct, frozen=True):
    user_info: _UserInfo = _UserInfo()


class _IdentityReview(Struct, frozen=True):
    status: _IdentityStatus = _IdentityStatus()


class Access:
    """Reviews of our own identity and permissions, which every authenticated user may create."""

    def __init__(self, client: Client) -> None:
        self._access_reviews = Resource(client, SELF_SUBJECT_ACCESS_REVIEW, _AccessReview)
        self._identity_reviews = Resource(client, SELF_SUBJECT_REVIEW, _IdentityReview)

    async def is_allowed(self, namespace: str, *, verb: str, group: str, resource: str) -> bool:
        """Return whether we have a permission in a namespace.

        Raises:
            ApiError: the request failed.
        """
        # a Namespace is in no namespace, but the right to read it may be granted in it
        name = {"name": namespace} if resource == "namespaces" else {}
        attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, **name}
        review = await self._access_reviews.create(
            None, {**_header(SELF_SUBJECT_ACCESS_REVIEW), "spec": {"resourceAttributes": attributes}}
        )
        return review.status.allowed

    async def username(self) -> str:
        """Return the name that the API server knows us by.

        Raises:
            ApiError: the request failed.
        """
        review = await self._identity_reviews.create(None, _header(SELF_SUBJECT_REVIEW))
        return review.status.user_info.username


def _header(resource_type: ResourceType) -> dict[str, Any]:
    return {"apiVersion": resource_type.api_version, "kind": resource_type.kind}
