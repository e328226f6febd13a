"""``metadata``, the same in all our kinds."""

from wfreport.api.wire import Model, Time


class ObjectMetadata(Model):
    """``metadata`` of an object of ours, as far as it is read."""

    name: str = ""
    namespace: str = ""
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: Time | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
