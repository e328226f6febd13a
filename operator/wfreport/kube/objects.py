"""The metadata that lists and watches are decoded to: the fields that we use, and nothing else.

With Argo's full CRDs, a large Workflow has 400 kB of managedFields, in every event and list. The decoder skips them
without building objects.
"""

from typing import Protocol

import msgspec

from wfreport.api.argo import LABEL_COMPLETED, LABEL_CONTROLLER_INSTANCE_ID, LABEL_WORKFLOW, Struct
from wfreport.api.names import ANNOTATION_SKIP, LABEL_WORKFLOW_UID

PARTIAL_KIND = "PartialObjectMetadata"

NamespacedName = tuple[str, str]
"""The namespace and name of an object, as apimachinery's `types.NamespacedName`."""


class Labels(Struct, frozen=True):
    """The labels that we use."""

    completed: str = msgspec.field(default="", name=LABEL_COMPLETED)
    workflow: str = msgspec.field(default="", name=LABEL_WORKFLOW)
    instance_id: str = msgspec.field(default="", name=LABEL_CONTROLLER_INSTANCE_ID)
    workflow_uid: str = msgspec.field(default="", name=LABEL_WORKFLOW_UID)


class Annotations(Struct, frozen=True):
    """The annotations that we use."""

    skip: str = msgspec.field(default="", name=ANNOTATION_SKIP)


class ObjectMeta(Struct, frozen=True):
    """``metadata``."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    labels: Labels = Labels()
    annotations: Annotations = Annotations()
    deletion_timestamp: str = ""

    @property
    def version(self) -> int:
        """The resourceVersion as a number (KEP-5504 guarantees that it is one); 0 if it is not."""
        return version_of(self.resource_version)

    @property
    def completed(self) -> bool:
        """Whether Argo's controller has set the label ``completed`` (operator.go:281)."""
        return self.labels.completed == "true"

    @property
    def skipped(self) -> bool:
        """Whether the Workflow's owner has opted out of reports."""
        return self.annotations.skip == "true"


class Item(Struct, frozen=True):
    """An object, decoded to its metadata alone."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()


class ListMeta(Struct, frozen=True):
    """``metadata`` of a list."""

    resource_version: str = ""
    continue_token: str = msgspec.field(default="", name="continue")


class ItemList(Struct, frozen=True):
    """A page of a list; a real server sends ``items: null`` for an empty PartialObjectMetadataList."""

    kind: str = ""
    metadata: ListMeta = ListMeta()
    items: list[Item] | None = None


class WatchEvent(Struct, frozen=True):
    """A line of a watch."""

    type: str = ""
    object: Item = Item()


def version_of(resource_version: str) -> int:
    """Convert a resourceVersion to a number; 0 if it is not one."""
    return int(resource_version) if resource_version.isdigit() else 0


class ObjectIdentity(Protocol):
    """An object as it was read. A write that names it fails if the object has changed or was replaced since."""

    @property
    def name(self) -> str:
        """``metadata.name``."""
        ...

    @property
    def namespace(self) -> str:
        """``metadata.namespace``."""
        ...

    @property
    def uid(self) -> str | None:
        """``metadata.uid``."""
        ...

    @property
    def resource_version(self) -> str | None:
        """``metadata.resourceVersion``."""
        ...
