"""The slim forms in which objects are listed and watched: metadata that is in use, and nothing else.

With Argo's full CRDs the managedFields of one large Workflow are 400 kB, on every event and in every list: they are
skipped without building objects.
"""

import msgspec

from wfreport.api.argo import LABEL_COMPLETED, LABEL_CONTROLLER_INSTANCE_ID, LABEL_WORKFLOW, Struct
from wfreport.api.names import ANNOTATION_SKIP, LABEL_WORKFLOW_UID

PARTIAL_KIND = "PartialObjectMetadata"

NamespacedName = tuple[str, str]
"""Namespace and name of an object, as apimachinery's `types.NamespacedName`."""


class Labels(Struct, frozen=True):
    """The labels in use."""

    completed: str = msgspec.field(default="", name=LABEL_COMPLETED)
    workflow: str = msgspec.field(default="", name=LABEL_WORKFLOW)
    instance_id: str = msgspec.field(default="", name=LABEL_CONTROLLER_INSTANCE_ID)
    workflow_uid: str = msgspec.field(default="", name=LABEL_WORKFLOW_UID)


class Annotations(Struct, frozen=True):
    """The annotations in use."""

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

    @property
    def version(self) -> int:
        """The resourceVersion as a number, which it is on every API server (KEP-5504); 0 where it is not."""
        return version_of(self.resource_version)

    @property
    def completed(self) -> bool:
        """Whether Argo's controller is done with this Workflow (operator.go:281)."""
        return self.labels.completed == "true"

    @property
    def skipped(self) -> bool:
        """Whether its owner wants no report of this Workflow."""
        return self.annotations.skip == "true"


class Item(Struct, frozen=True):
    """An object of which only the metadata is read."""

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


class RawList(Struct, frozen=True):
    """A page of a list whose objects are read one by one: an odd one among them is no reason to read none."""

    kind: str = ""
    metadata: ListMeta = ListMeta()
    items: list[msgspec.Raw] | None = None


class WatchEvent(Struct, frozen=True):
    """A line of a watch."""

    type: str = ""
    object: Item = Item()


def version_of(resource_version: str) -> int:
    """A resourceVersion as a number; 0 for one that is none."""
    return int(resource_version) if resource_version.isdigit() else 0
