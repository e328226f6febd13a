"""The pages of lists, and how they are decoded."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from wfreport.api.argo import Struct
from wfreport.kube.objects import ListMeta

_GROWTH: Final = 4

ObjectT = TypeVar("ObjectT")


class PageSize:
    """The number of objects to request in a page: few at first, then as many as make a page of so many bytes.

    An object may have a hundred bytes or more than a megabyte, so a fixed number is either wasteful or dangerous.
    """

    def __init__(self, *, first: int, most: int, page_bytes: int) -> None:
        self.items = min(first, most)
        self._most = most
        self._page_bytes = page_bytes

    def observe(self, items: int, size_bytes: int) -> None:
        """Adapt to a page."""
        if items:
            fitting = self._page_bytes * items // max(1, size_bytes)
            self.items = max(1, min(fitting, self.items * _GROWTH, self._most))


def list_page_size(most: int) -> PageSize:
    """Return the size of the pages of a list that is decoded page by page, ``most`` objects at most."""
    return PageSize(first=25, most=most, page_bytes=16 << 20)


class Page(Protocol):
    """A page of a list."""

    @property
    def metadata(self) -> ListMeta:
        """The list's metadata, with the continue token."""
        ...

    @property
    def items(self) -> list[Any] | None:
        """The objects."""
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
