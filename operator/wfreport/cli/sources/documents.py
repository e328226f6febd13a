"""Reads Kubernetes objects from files and stdin: JSON or YAML, one or many, plain or compressed with gzip."""

import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from wfreport.api.nesting import without_deep_values
from wfreport.cli.problems import UnusableInput

if TYPE_CHECKING:
    from yaml import MarkedYAMLError

STDIN: Final = "-"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024
"""Maximum size of a file after unpacking."""

MAX_YAML_CHARACTERS: Final = 16 * 1024 * 1024
"""Maximum length of YAML, which takes a hundred times as much memory as JSON; several times that of any Workflow."""


class Document(Struct, frozen=True):
    """One object of a file.

    Attributes:
        origin: file, and number of the object if there are several; the start of an error message.
        value: the object as JSON values, not yet known to be a mapping.
        kind: kind of the object, or of the items of its list; empty if neither is given.
    """

    origin: str
    value: Any
    kind: str


def read_documents(path: str) -> list[Document]:
    """Read all objects of a file, including the items of lists.

    Raises:
        UnusableInput: the file cannot be read, is empty, or is neither JSON nor YAML.
    """
    name = "stdin" if path == STDIN else path
    text = _text(name, _content(name, path))
    if not text.strip():
        raise UnusableInput(name, "it is empty; expected an object as printed by `kubectl get … -o yaml`")
    documents = [document for value in _values(name, text) for document in _unpacked(name, value, "")]
    return _numbered(documents) if len(documents) > 1 else documents


def _content(name: str, path: str) -> bytes:
    try:
        raw = sys.stdin.buffer.read() if path == STDIN else _file_bytes(path)
        content = _unpacked_gzip(raw) if raw.startswith(_GZIP_MAGIC) else raw
    except FileNotFoundError as error:
        raise UnusableInput(name, "no such file; give JSON or YAML, or - for stdin") from error
    except IsADirectoryError as error:
        raise UnusableInput(name, "it is a directory; give one file, or - for stdin") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnusableInput(name, f"its gzip data is damaged ({error}); fetch or copy it again") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnusableInput(name, f"it cannot be read: {reason}") from error
    if len(content) > MAX_UNPACKED_BYTES:
        size = f"{MAX_UNPACKED_BYTES // 1024**2} MiB"
        raise UnusableInput(name, f"it is larger than {size} when unpacked; select fewer objects")
    return content


def _file_bytes(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib imports the parser of URLs
        return file.read()


def _unpacked_gzip(raw: bytes) -> bytes:
    with gzip.open(io.BytesIO(raw)) as unpacked:
        return unpacked.read(MAX_UNPACKED_BYTES + 1)


def _text(name: str, content: bytes) -> str:
    # In PowerShell, `kubectl … > file` writes UTF-16.
    encoding = "utf-16" if content.startswith(_UTF16_MARKS) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnusableInput(
            name, f"it is not UTF-8 text (at byte {error.start}); expected JSON or YAML, plain or gzip"
        ) from error


def _values(name: str, text: str) -> list[Any]:
    looks_like_json = text.lstrip()[0] in "{["
    try:
        return _read_json(text) if looks_like_json else _yaml_values(name, text)
    except json.JSONDecodeError as error:
        return _flow_yaml_values(name, text, error)
    except RecursionError as error:
        raise UnusableInput(name, "it is nested too deeply to be a Kubernetes object") from error
    except ValueError as error:
        raise UnusableInput(name, f"it is neither JSON nor YAML: {error}") from error


def _flow_yaml_values(name: str, text: str, error: json.JSONDecodeError) -> list[Any]:
    """Parse text that looks like JSON as YAML, which may also start with a brace; otherwise report the JSON error."""
    try:
        return _yaml_values(name, text)
    except (RecursionError, ValueError):
        position = f"line {error.lineno} column {error.colno}"
        raise UnusableInput(name, f"it is not valid JSON: {error.msg} at {position}; is the file complete?") from error


def _read_json(text: str) -> list[Any]:
    """Return the JSON values; without their deep parts if they are nested too deeply, since a report needs none.

    Raises:
        RecursionError: it is nested too deeply, and not valid JSON either.
    """
    try:
        return list(_json_values(text))
    except RecursionError as error:
        shallow = without_deep_values(text.encode("utf-8", "replace")).decode()
        try:
            return list(_json_values(shallow))
        except json.JSONDecodeError:
            raise error from None


def _json_values(text: str) -> Iterator[Any]:
    """Yield one or more concatenated JSON values, as `jq` or several `kubectl` calls print them."""
    decoder, position = json.JSONDecoder(), 0
    space = re.compile(r"\s*")
    while (position := space.match(text, position).end()) < len(text):  # type: ignore[union-attr]  # \s* always matches
        value, position = decoder.raw_decode(text, position)
        yield value


def _yaml_values(name: str, text: str) -> list[Any]:
    """Parse YAML.

    Raises:
        UnusableInput: it is too large.
        ValueError: it is not YAML.
    """
    if len(text) > MAX_YAML_CHARACTERS:
        size = f"{MAX_YAML_CHARACTERS // 1024**2} MiB"
        raise UnusableInput(name, f"it is larger than {size} of YAML; use JSON, as printed by `kubectl get … -o json`")
    import yaml  # noqa: PLC0415  (a twentieth of the start, and what kubectl prints is mostly JSON)

    from wfreport.core.snapshot.plain_yaml import load_documents  # noqa: PLC0415  (as above)

    try:
        return [value for value in load_documents(text) if value is not None]
    except yaml.MarkedYAMLError as error:
        raise ValueError(_yaml_problem(error)) from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _yaml_problem(error: "MarkedYAMLError") -> str:
    if error.problem_mark is not None:
        mark = error.problem_mark
        return f"{error.problem} at line {mark.line + 1} column {mark.column + 1}"
    return " ".join(str(error).split())


def _unpacked(name: str, value: Any, kind: str) -> Iterator[Document]:
    if isinstance(value, list):
        for item in value:
            yield from _unpacked(name, item, kind)
        return
    if not isinstance(value, Mapping):
        yield Document(name, value, kind)
        return
    own = str(value.get("kind") or kind)
    if isinstance(value.get("items", []) or [], list) and (own.endswith("List") or _is_list_without_kind(value)):
        # Items of the API's own lists (WorkflowList) have no kind.
        yield from _unpacked(name, value.get("items") or [], own.removesuffix("List"))
    elif not own and (wrapped := _wrapped(value)) is not None:
        yield from _unpacked(name, wrapped, kind)
    else:
        yield Document(name, value, own or ("Workflow" if _is_workflow_without_kind(value) else ""))


def _is_list_without_kind(value: Mapping[Any, Any]) -> bool:
    """Whether a mapping is a list of Argo Server (``GET /api/v1/workflows/…``), which omits its kind."""
    return "kind" not in value and set(value) <= {"metadata", "items", "apiVersion"} and "items" in value


def _wrapped(value: Mapping[Any, Any]) -> Any:
    """Return the object in an event of Argo Server's stream, or in a run of Kubeflow Pipelines; None for others."""
    result = value.get("result")
    if isinstance(result, Mapping) and isinstance(result.get("object"), Mapping):
        return result["object"]
    run = value.get("pipeline_runtime")
    manifest = run.get("workflow_manifest") if isinstance(run, Mapping) else value.get("workflow_manifest")
    if not isinstance(manifest, str):
        return None
    try:
        return json.loads(manifest)
    except (ValueError, RecursionError):
        return None


def _is_workflow_without_kind(value: Mapping[Any, Any]) -> bool:
    """Whether an object without a kind is a Workflow, as Argo's command and Argo Server print it.

    Only a Workflow that was submitted has such a spec and a status. A WorkflowTemplate has no status.
    """
    spec, status = value.get("spec"), value.get("status")
    has_spec = isinstance(spec, Mapping) and any(key in spec for key in _WORKFLOW_FIELDS)
    return has_spec and isinstance(status, Mapping) and isinstance(value.get("metadata"), Mapping)


_WORKFLOW_FIELDS: Final = ("entrypoint", "templates", "workflowTemplateRef")


def _numbered(documents: list[Document]) -> list[Document]:
    return [
        Document(f"{document.origin}: object {number}{_name_suffix(document.value)}", document.value, document.kind)
        for number, document in enumerate(documents, 1)
    ]


def _name_suffix(value: Any) -> str:
    metadata = value.get("metadata") if isinstance(value, Mapping) else None
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return f" ({name})" if isinstance(name, str) and name.isprintable() else ""
