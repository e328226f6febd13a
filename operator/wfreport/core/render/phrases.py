"""Texts of Argo, Kubernetes and programs, made fit for the middle of a sentence.

No ids, no names of Go types, no doubled words, no raw JSON; and where something is cut, it is cut between words.
"""

import re
from typing import Final

from wfreport.core.snapshot.messages import unwrap

DETAIL_CHARACTERS: Final = 160
_READ_CHARACTERS: Final = 4096
_LONGEST_WORD: Final = 60
_KEPT_OF_LONG_WORD: Final = 24

_REWRITTEN: Final = (
    (re.compile(r"rpc error: code = \w+ desc = "), ""),
    (re.compile(r'^(?:pods?|Pod) "[^"]*" is (?:invalid|forbidden): '), ""),
    (re.compile(r"^(?:ImagePullBackOff|ErrImagePull|InvalidImageName|CreateContainer(?:Config)?Error): "), ""),
    (re.compile(r'^Back-off pulling image "[^"]*": ErrImagePull: '), ""),
    (re.compile(r'(?<=: )failed to (?:pull and unpack image|resolve reference) "[^"]*": '), ""),
    (re.compile(r'\bfailed to do request: (?:Head|Get) "[^"]*": '), ""),
    (re.compile(r"failed to resolve references: unable to resolve references: Unable to resolve: "), "cannot resolve "),
    (re.compile(r"failed to resolve references: Failed to "), "failed to "),
    (re.compile(r"strconv\.\w+: parsing (\"[^\"]*\"): invalid syntax"), r"\1 is not a number"),
    (re.compile(r"\*?\b(?:errors|exec|fs|json|net|os|url|v1alpha1)\.[A-Z]\w*(?:Error|Err)\b:? ?"), ""),
    (re.compile(r"\bchild '?[^\s']+'? (failed|errored)"), r"a step of it \1"),
    (re.compile(r"workflow is longer than maximum allowed size\. compressed size (\d+) > maxSize (\d+).*", re.DOTALL),
     r"too large for etcd: its nodes take \1 bytes compressed, at most \2 fit"),
    (re.compile(r"Waiting for (?:[^\s/]+/)?(\S+) lock\. Lock status: (\d+)/(\d+)"), r"lock \1 (\2 of \3 free)"),
    (re.compile(r"\b(mutex|semaphore) [^\s/]+/(\S+/)"), r"\1 \2"),
    (re.compile(r"\. (?:no new claims to deallocate, )?preemption: .*", re.DOTALL), ""),
    (re.compile(r"\bexpresion\b"), "expression"),
)  # fmt: skip
"""What Argo, the scheduler, containerd and Go write, and what is left of it."""
_FIELD_OF_JSON: Final = re.compile(r'"(?:message|error_description|error|detail|msg|reason)"\s*:\s*"((?:[^"\\]|\\.)+)"')
_JSON_INSIDE: Final = re.compile(r"[:\s]*(?:\{\s*\"|\[\s*[{\"]).*", re.DOTALL)
_TRACEBACK: Final = "Traceback (most recent call last):"
_PANIC: Final = re.compile(r"^panic: .*$", re.MULTILINE)


def tidy(text: str, limit: int = DETAIL_CHARACTERS) -> str:
    """The text as a part of a sentence, on one line and within ``limit`` characters."""
    told = _gist(unwrap(text[:_READ_CHARACTERS].strip()))
    for pattern, replacement in _REWRITTEN:
        told = pattern.sub(replacement, told)
    told = " ".join(_shortened(word) for word in _without_doubled(told.split()))
    return shorten(told.rstrip(" .:,"), limit)


def _gist(text: str) -> str:
    """What a traceback, a panic or a JSON document says in one of its lines."""
    panic = _PANIC.search(text)
    if panic:
        return panic.group()
    if _TRACEBACK in text:
        lines = text.partition(_TRACEBACK)[2].strip().splitlines()
        return lines[-1] if lines else text
    inside = _JSON_INSIDE.search(text)
    if inside is None:
        return text
    field = _FIELD_OF_JSON.search(inside.group())
    lead = text[: inside.start()].rstrip(" :")
    told = field.group(1).replace('\\"', '"') if field else ""
    return ": ".join(part for part in (lead, told) if part) or text


def _without_doubled(words: list[str]) -> list[str]:
    return [word for i, word in enumerate(words) if not (i and word.isalpha() and word == words[i - 1])]


def _shortened(word: str) -> str:
    """A word that no line has room for: its beginning and its end tell which it is."""
    if len(word) <= _LONGEST_WORD:
        return word
    return f"{word[:_KEPT_OF_LONG_WORD]}…{word[-_KEPT_OF_LONG_WORD:]}"


def shorten(text: str, limit: int) -> str:
    """The text within ``limit`` characters, cut behind a word."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    whole_words = kept[: kept.rfind(" ")] if " " in kept[limit // 2 :] else kept
    return f"{whole_words.rstrip(' .:;,(')}…"


def name(display_name: str) -> str:
    """A step's name in a sentence; a group of steps has only a number."""
    shown = " ".join(_shortened(word) for word in display_name.split())
    return f"step group {shown}" if shown.startswith("[") else shown


def plural(number: int, noun: str) -> str:
    """``1 step``, ``2 steps``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def after_lead(lead: str, text: str) -> str:
    """``lead: text``; where the text says the same word first, the text alone."""
    if not text:
        return lead
    if text.lower().startswith(lead.lower()):
        return text[:1].lower() + text[1:]
    return f"{lead}: {text}"
