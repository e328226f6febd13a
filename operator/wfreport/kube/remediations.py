"""Remediations, decoded."""

from typing import Any

import msgspec

from wfreport.api.remediation import Remediation
from wfreport.api.wire import field_path
from wfreport.kube.errors import BadResponseError


def read_remediation(document: dict[str, Any]) -> Remediation:
    """Decode a Remediation.

    Raises:
        BadResponseError: the document does not fit this version's schema; ``field`` is the path of the first bad value.
    """
    try:
        return Remediation.model_validate(document)
    except msgspec.ValidationError as error:
        path = field_path(error)
        name = document.get("metadata", {}).get("name")
        message = f"cannot decode Remediation {name}: {error}"
        raise BadResponseError(message[:300], field=path) from error
