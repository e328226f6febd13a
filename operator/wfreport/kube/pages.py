"""The pages of lists, and how they are decoded."""

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from wfreport.api.argo import Struct
from wfreport.kube.objects import ListMeta

ObjectT = TypeVar("ObjectT")


class Page(Protocol):
    """A page of a list."""

    @property
    def metadata(self) -> ListMeta:
        """The list's metadata, with the continue token."""
        ...


class ObjectPage(Struct, Generic[ObjectT], frozen=True):
    """A page of a list; a real server sends ``items: null`` for an empty PartialObjectMetadataList."""

    metadata: ListMeta = ListMeta()
    items: list[ObjectT] | None = None


def page_decoder(object_type: Any, decode_odd: Callable[[bytes], Any] | None) -> Callable[[bytes], ObjectPage[Any]]:
    """Return a decoder of pages of this type.

    Args:
        object_type: the type that an object is decoded to.
        decode_odd: decodes an object of a page of which one does not fit the type, so that it does not hide the others;
            None leaves it out.
    """
    decode = msgspec.json.Decoder(ObjectPage[object_type]).decode
    return partial(_decode_leniently, decode, decode_odd) if decode_odd else decode


_decode_raw_page = msgspec.json.Decoder(ObjectPage[msgspec.Raw]).decode


def _decode_leniently(
    decode: Callable[[bytes], ObjectPage[Any]], decode_odd: Callable[[bytes], Any], body: bytes
) -> ObjectPage[Any]:
    """Decode a page; object by object, if one of them does not fit."""
    try:
        return decode(body)
    except msgspec.ValidationError:
        page = _decode_raw_page(body)
    items = [item for raw in page.items or () if (item := decode_odd(bytes(raw))) is not None]
    return ObjectPage(metadata=page.metadata, items=items)
