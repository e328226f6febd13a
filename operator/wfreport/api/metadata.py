"""``metadata``, shared by all kinds of wfreport."""

from wfreport.api.wire import Model, Time


class ObjectMetadata(Model):
    """The fields in use of the ``metadata`` of wfreport's objects."""

    name: str = ""
    namespace: str = ""
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: Time | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
