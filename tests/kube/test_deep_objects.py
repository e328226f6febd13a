"""Objects that are nested more deeply than the decoder follows: what is affected is one object, never a page."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from wfreport.kube.client import decoded
from wfreport.kube.errors import BadResponseError, error_of
from wfreport.kube.objects import Item
from wfreport.kube.pages import object_decoder, page_decoder
from wfreport.kube.reports import stored_report
from wfreport.kube.resource import Document
from wfreport.kube.workflows import _metadata_of

LEVELS = pytest.mark.parametrize("levels", [1_500, 9_990, 50_000])


def an_object(name: str, levels: int = 0) -> bytes:
    deep = b'{"a\\"}":' * levels + b"[]" + b"}" * levels
    return b'{"metadata":{"name":"' + name.encode() + b'","managedFields":[{"fieldsV1":' + deep + b"}]}}"


def a_page(levels: int) -> bytes:
    items = b" , ".join((an_object("before"), an_object("deep", levels), an_object("after")))
    return b'{"kind":"List","metadata":{"continue":"more"},"items":[' + items + b"]}"


@LEVELS
def test_a_page_with_a_deep_object_is_read_whole(levels: int) -> None:
    page = page_decoder(Item, None)(a_page(levels))
    assert [item.metadata.name for item in page.items or ()] == ["before", "deep", "after"]
    assert page.metadata.continue_token == "more"


@LEVELS
def test_the_json_of_a_deep_object_in_a_page_is_that_of_the_object_alone(levels: int) -> None:
    page = page_decoder(msgspec.Raw, None)(a_page(levels))
    assert [bytes(raw) for raw in page.items or ()] == [
        an_object("before"),
        an_object("deep", levels),
        an_object("after"),
    ]
    assert _metadata_of(an_object("deep", levels)).name == "deep"


@LEVELS
def test_a_deep_document_is_left_out_of_a_page_and_refused_alone(levels: int) -> None:
    page = page_decoder(Document, None)(a_page(levels))
    assert [item["metadata"]["name"] for item in page.items or ()] == ["before", "after"]
    with pytest.raises(BadResponseError, match="nested too deeply"):
        decoded(object_decoder(Document), an_object("deep", levels))


@LEVELS
def test_an_odd_object_beside_a_deep_one_is_handled_as_odd(levels: int) -> None:
    body = a_page(levels).replace(b'"name":"before"', b'"name":5')
    odd: list[bytes] = []

    def decode_odd(raw: bytes) -> Any:
        try:
            return object_decoder(Item)(raw)
        except msgspec.ValidationError:
            return odd.append(raw)

    page = page_decoder(Item, decode_odd)(body)
    assert [item.metadata.name for item in page.items or ()] == ["deep", "after"]
    assert len(odd) == 1


def test_a_page_that_is_cut_off_is_refused() -> None:
    with pytest.raises(BadResponseError):
        decoded(page_decoder(Item, None), a_page(1_500)[:-2])
    with pytest.raises(BadResponseError):
        decoded(page_decoder(Item, None), a_page(1_500)[:3_000])


@LEVELS
def test_reports_and_errors_are_read_however_deep(levels: int) -> None:
    deep = b"[" * levels + b"]" * levels
    meta = b'{"name":"r","namespace":"ns","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z","x":' + deep + b"}"
    stored = stored_report(b'{"metadata":' + meta + b',"spec":{"workflowRef":{"name":"w"}}}')
    assert stored.head.metadata.name == "r"
    assert error_of(404, b'{"message":"gone","x":' + deep + b"}").message == "gone"
