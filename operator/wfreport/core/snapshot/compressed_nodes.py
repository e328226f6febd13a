"""Unpacks and packs ``status.compressedNodes``: the nodes as JSON, compressed, in base64.

The compression is gzip, or since Argo 4.1 zstd or brotli (``fileutil.go``). Argo limits a Workflow to
``MAX_WORKFLOW_SIZE`` (1 MiB), but a megabyte of crafted input can unpack to gigabytes. So data is unpacked in steps, up
to the limit of ``node_limits``.
"""

import binascii
import io
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from wfreport.core.snapshot.node_limits import MAX_BYTES, TooLargeNodes

_STEP_BYTES: Final = 1024 * 1024
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_GZIP_MAGIC: Final = b"\x1f\x8b"


class UnreadableNodes(ValueError):  # noqa: N818 - a state of the object, in its own words
    """The compressed nodes cannot be unpacked; the message contains the cause."""


def unpack_nodes(text: str) -> bytes:
    """Return the JSON in a ``compressedNodes``.

    Raises:
        UnreadableNodes: the text is not base64, or its data is damaged.
        TooLargeNodes: the unpacked JSON is too large.
    """
    try:
        packed = binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError as error:
        raise UnreadableNodes(f"not base64: {error}") from error
    unpacked = bytearray()
    for part in _unpack(packed):
        unpacked += part
        if len(unpacked) > MAX_BYTES:
            raise TooLargeNodes(f"the nodes take more than {MAX_BYTES:,} bytes of JSON, and no more are read")
    return bytes(unpacked)


def pack_nodes(raw: bytes) -> str:
    """Pack the JSON of nodes with gzip, which every version of Argo reads. The result depends on the JSON only."""
    import gzip  # noqa: PLC0415 - few Workflows are compressed

    return binascii.b2a_base64(gzip.compress(raw, mtime=0), newline=False).decode()


def _unpack(packed: bytes) -> Iterator[bytes]:
    codec, parts, damage = _codec(packed)
    try:
        yield from parts(packed)
    except damage as error:
        raise UnreadableNodes(f"damaged {codec}: {error}") from error


def _codec(packed: bytes) -> tuple[str, Callable[[bytes], Iterator[bytes]], type[Exception]]:
    """Return the name of the codec, its function, and its error. Each is imported only for data that needs it."""
    if packed.startswith(_ZSTD_MAGIC):
        import zstandard  # noqa: PLC0415

        return "zstd", _unzstd, zstandard.ZstdError
    if packed.startswith(_GZIP_MAGIC):
        return "gzip", _gunzip, zlib.error
    import brotli  # type: ignore[import-untyped] # noqa: PLC0415

    return "brotli", _unbrotli, brotli.error  # it has no magic bytes


def _gunzip(packed: bytes) -> Iterator[bytes]:
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    rest = packed
    while not stream.eof:
        part = stream.decompress(rest, _STEP_BYTES)
        rest = stream.unconsumed_tail
        if not part and not rest and not stream.eof:
            raise UnreadableNodes("damaged gzip: it ends too early")
        yield part


def _unzstd(packed: bytes) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415

    with zstandard.ZstdDecompressor(max_window_size=MAX_BYTES).stream_reader(io.BytesIO(packed)) as stream:
        while part := stream.read(_STEP_BYTES):
            yield part


def _unbrotli(packed: bytes) -> Iterator[bytes]:
    import brotli  # noqa: PLC0415

    stream = brotli.Decompressor()
    rest = packed
    while not stream.is_finished():
        part = stream.process(rest, output_buffer_limit=_STEP_BYTES)
        rest = b""
        if not part and stream.can_accept_more_data() and not stream.is_finished():
            raise UnreadableNodes("damaged brotli: it ends too early")
        yield part
