"""Remediations, decoded."""

from typing import Any

from pydantic import ValidationError

from wfreport.api.remediation import Remediation
from wfreport.kube.errors import BadResponseError


def read_remediation(document: dict[str, Any]) -> Remediation:
    """Decode a Remediation.

    Raises:
        BadResponseError: the document does not fit this version's schema; ``field`` is the path of the first bad value.
    """
    try:
        return Remediation.model_validate(document)
    except ValidationError as error:
        problem = error.errors()[0]
        path = ".".join(map(str, problem["loc"]))
        name = document.get("metadata", {}).get("name")
        message = f"cannot decode Remediation {name}: {path}: {problem['msg']}"
        raise BadResponseError(message[:300], field=path) from error
