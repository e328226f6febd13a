"""What the operator may do, as the API server says (``SelfSubjectAccessReview``)."""

from typing import Any

import msgspec

from wfreport.api.argo import Struct
from wfreport.kube.client import Client, decoded

_API_VERSION = "authorization.k8s.io/v1"
_REVIEWS = "selfsubjectaccessreviews"


class _ReviewStatus(Struct, frozen=True):
    allowed: bool = False


class _Review(Struct, frozen=True):
    status: _ReviewStatus = _ReviewStatus()


_decode = msgspec.json.Decoder(_Review).decode
_encode = msgspec.json.Encoder().encode


class Access:
    """Asks about our own rights; everybody may ask that."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def is_allowed(self, namespace: str, *, verb: str, group: str, resource: str) -> bool:
        """Whether we may.

        Raises:
            ApiError: the request failed.
        """
        # a Namespace is in no namespace, but the right to read it may be given in it
        name = {"name": namespace} if resource == "namespaces" else {}
        attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, **name}
        body: dict[str, Any] = {
            "apiVersion": _API_VERSION,
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = await self._client.request("create", _REVIEWS, f"/apis/{_API_VERSION}/{_REVIEWS}", body=_encode(body))
        return decoded(_decode, answer).status.allowed
