"""The pages of lists, and how they are decoded."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar, get_origin

import msgspec

from wfreport.api.argo import Struct
from wfreport.api.nesting import json_decoder, split_list
from wfreport.kube.objects import ListMeta
from wfreport.logs import kv

log = logging.getLogger(__name__)

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

    def shrink(self) -> bool:
        """Request fewer objects, after a page that was too large to be read; return False if it was a single one."""
        was_single, self.items = self.items == 1, max(1, self.items // _GROWTH)
        return not was_single

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


def object_decoder(object_type: Any) -> Callable[[bytes], Any]:
    """Return a decoder of objects of this type.

    A struct is decoded whatever the nesting of its object. A document that is nested too deeply raises RecursionError,
    because parts that were left out could be written back.
    """
    if object_type is msgspec.Raw:
        return msgspec.Raw
    is_document = get_origin(object_type) is dict
    return msgspec.json.Decoder(object_type).decode if is_document else json_decoder(object_type)


def page_decoder(object_type: Any, decode_odd: Callable[[bytes], Any] | None) -> Callable[[bytes], ObjectPage[Any]]:
    """Return a decoder of pages of this type.

    If one of the objects is nested too deeply for the page to be decoded, they are decoded one by one, and those that
    cannot be decoded are logged and left out.

    Args:
        object_type: the type that an object is decoded to.
        decode_odd: decodes an object of a page of which one does not fit the type, so that it does not hide the others;
            None leaves it out.
    """
    decode = msgspec.json.Decoder(ObjectPage[object_type]).decode
    return partial(_decode_leniently, decode, object_decoder(object_type), decode_odd)


_decode_raw_page = msgspec.json.Decoder(ObjectPage[msgspec.Raw]).decode
_decode_numbered_page = msgspec.json.Decoder(ObjectPage[int]).decode


def decode_raw_page(body: bytes) -> ObjectPage[msgspec.Raw]:
    """Decode a page to the JSON of its objects, however deeply they are nested."""
    try:
        return _decode_raw_page(body)
    except RecursionError:
        numbered, items = split_list(body)
        page = _decode_numbered_page(numbered)
        return ObjectPage(metadata=page.metadata, items=[msgspec.Raw(items[number]) for number in page.items or ()])


def _decode_leniently(
    decode: Callable[[bytes], ObjectPage[Any]],
    decode_object: Callable[[bytes], Any],
    decode_odd: Callable[[bytes], Any] | None,
    body: bytes,
) -> ObjectPage[Any]:
    """Decode a page; object by object, if one of them does not fit or is nested too deeply."""
    try:
        return decode(body)
    except msgspec.ValidationError:
        if decode_odd is None:
            raise
        decode_one = decode_odd
    except RecursionError:
        decode_one = decode_odd or partial(_decode_or_leave_out, decode_object)
    page = decode_raw_page(body)
    items = [item for raw in page.items or () if (item := decode_one(bytes(raw))) is not None]
    return ObjectPage(metadata=page.metadata, items=items)


def _decode_or_leave_out(decode: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        log.warning("listed object cannot be decoded", extra=kv(reason=str(error)[:200]))
        return None
