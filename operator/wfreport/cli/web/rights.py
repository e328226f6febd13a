"""Names the right that a reader lacks."""

from wfreport.core.page.texts import line
from wfreport.kube.errors import ForbiddenError
from wfreport.kube.kinds import ResourceType


def missing_right(error: Exception, namespace: str | None, resource: ResourceType) -> str:
    """Return which right is missing, in words, with the API server's own message."""
    where = f"in namespace {line(namespace)}" if namespace else "in all namespaces"
    if not isinstance(error, ForbiddenError):
        return f"The API server does not accept the credentials: {line(str(error), 1000)}"
    right = f"get, list and watch {resource.plural}.{resource.api_version.partition('/')[0]} {where}"
    advice = "" if namespace else " Choose a namespace that you may read."
    return (
        f"You lack a right: {right}. The role view of a namespace includes it.{advice} "
        f"The API server's message: {line(str(error), 1000)}"
    )
