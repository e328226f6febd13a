"""The operator's own identity and permissions."""

from typing import Any

from wfreport.api.argo import Struct
from wfreport.kube.client import Client
from wfreport.kube.kinds import (
    SELF_SUBJECT_ACCESS_REVIEW,
    SELF_SUBJECT_REVIEW,
    SUBJECT_ACCESS_REVIEW,
    ResourceType,
)
from wfreport.kube.objects import NamespacedName
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
    """Reviews of our own identity and permissions, which every authenticated user may create, and of other users'."""

    def __init__(self, client: Client) -> None:
        self._access_reviews = Resource(client, SELF_SUBJECT_ACCESS_REVIEW, _AccessReview)
        self._access_reviews_of_others = Resource(client, SUBJECT_ACCESS_REVIEW, _AccessReview)
        self._identity_reviews = Resource(client, SELF_SUBJECT_REVIEW, _IdentityReview)

    async def is_allowed(self, namespace: str, *, verb: str, group: str, resource: str) -> bool:
        """Return whether we have a permission in a namespace.

        Raises:
            ApiError: the request failed.
        """
        spec = {"resourceAttributes": _attributes(namespace, verb, group, resource)}
        review = await self._access_reviews.create(None, {**_header(SELF_SUBJECT_ACCESS_REVIEW), "spec": spec})
        return review.status.allowed

    async def is_account_allowed(
        self, account: NamespacedName, namespace: str, *, verb: str, group: str, resource: str
    ) -> bool:
        """Return whether a ServiceAccount has a permission in a namespace; in all of them if it is empty.

        Raises:
            ForbiddenError: we may not review the permissions of others.
            ApiError: the request failed.
        """
        groups = ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{account[0]}"]
        spec = {
            "user": f"system:serviceaccount:{account[0]}:{account[1]}",
            "groups": groups,
            "resourceAttributes": _attributes(namespace, verb, group, resource),
        }
        review = await self._access_reviews_of_others.create(None, {**_header(SUBJECT_ACCESS_REVIEW), "spec": spec})
        return review.status.allowed

    async def username(self) -> str:
        """Return our user name, as the API server has authenticated it.

        Raises:
            ApiError: the request failed.
        """
        review = await self._identity_reviews.create(None, _header(SELF_SUBJECT_REVIEW))
        return review.status.user_info.username


def _attributes(namespace: str, verb: str, group: str, resource: str) -> dict[str, str]:
    resource, _, subresource = resource.partition("/")
    # a Namespace is in no namespace, but the right to read it may be granted in it
    name = {"name": namespace} if resource == "namespaces" else {}
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, **name}
    return attributes | ({"subresource": subresource} if subresource else {})


def _header(resource_type: ResourceType) -> dict[str, Any]:
    return {"apiVersion": resource_type.api_version, "kind": resource_type.kind}
