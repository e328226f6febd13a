"""Removes the lines that Argo's executor writes into the log of a step's own container.

The emissary runs the step's program and logs to the same stderr. Each of its lines has the field ``argo=true``: logrus
in Argo 3.x, slog in 4.x, as text or as JSON (cmd/argoexec/commands/root.go and emissary.go). When the program ends with
an exit code other than 0, cobra adds a last line, ``Error: exit status 3``.
"""

from typing import Final

import msgspec

from wfreport.imports import lazy_pattern

_FIELDS: Final = lazy_pattern(r'(?:[^\s="]+=(?:"(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$))+')
"""A whole line of logfmt. A quoted value may contain blanks and escaped quotes."""

_FIELD: Final = lazy_pattern(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)')
_START: Final = lazy_pattern(r'time="?\d{4}-\d\d-\d\dT')
_LONGEST_LINE: Final = 4096
_EXITED: Final = "sub-process exited"
_COBRAS_LINE: Final = lazy_pattern(r"Error: (?:exit status \d+|signal: [a-z ]+)")


class _JsonLine(msgspec.Struct):
    argo: bool = False
    msg: str = ""
    level: str = ""


def without_argoexec(text: str) -> str:
    """Return the log of a step's container without the lines of argoexec; the program's own lines are unchanged."""
    if "argo" not in text:
        return text
    kept: list[str] = []
    has_exited = False
    for line in text.split("\n"):
        program, message = _split(line)
        if message is not None:
            has_exited = has_exited or message == _EXITED
            kept += [program] if program else []
        elif has_exited and _COBRAS_LINE.fullmatch(line.rstrip()):
            has_exited = False
        else:
            kept.append(line)
    return "\n".join(kept)


def is_argoexec_line(line: str) -> bool:
    """Return whether argoexec wrote the line."""
    program, message = _split(line)
    return message is not None and not program


def _split(line: str) -> tuple[str, str | None]:
    """Return what the program wrote at the start of a line, and the message of argoexec that follows, if there is one.

    A program may end without a newline, and argoexec's line then follows on the same line.
    """
    if "argo" not in line or len(line) > _LONGEST_LINE:
        return line, None
    stripped = line.rstrip()
    if stripped.startswith("{"):
        return ("", message) if (message := _json_message(stripped)) is not None else (line, None)
    starts = list(_START.finditer(stripped))
    if not starts:
        return line, None
    at = starts[-1].start()
    message = _text_message(stripped[at:])
    return (stripped[:at], message) if message is not None else (line, None)


def _json_message(line: str) -> str | None:
    if '"argo"' not in line:
        return None
    try:
        fields = msgspec.json.decode(line, type=_JsonLine)
    except (msgspec.DecodeError, RecursionError):
        return None
    return fields.msg if fields.argo and fields.level else None


def _text_message(line: str) -> str | None:
    if _FIELDS.fullmatch(line) is None:
        return None
    fields = dict(_FIELD.findall(line))
    if fields.get("argo") != "true" or "level" not in fields:
        return None
    return str(fields.get("msg", "")).strip('"')
