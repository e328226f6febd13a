"""Adapts messages of Argo, Kubernetes and programs to the middle of a sentence.

Ids, names of Go types, repeated words and raw JSON are removed, and texts are only cut between words.
"""

import re
from typing import Final

from wfreport.core.classify.named_objects import denied_clause
from wfreport.core.classify.telling_line import telling_line
from wfreport.core.snapshot.messages import unwrap
from wfreport.imports import lazy_pattern

DETAIL_CHARACTERS: Final = 160
_READ_CHARACTERS: Final = 4096
_LONGEST_WORD: Final = 60
_LONG_WORD_ENDS: Final = 24
_SHORTEST_CAUSE: Final = 8

_REWRITTEN: Final = (
    (lazy_pattern(r"rpc error: code = \w+ desc = "), ""),
    (
        lazy_pattern(r'^admission webhook "[^"]*" denied the request: (?=pods? "[^"]*" is forbidden: exceeded quota)'),
        "",
    ),
    (lazy_pattern(r'^pods? "[^"]*" is forbidden: '), ""),
    (lazy_pattern(r'^Pod "[^"]*" is invalid: '), "its pod is invalid: "),
    (
        lazy_pattern(
            r"\b(?:failed to (?:create|start) (?:containerd task|shim(?: task)?|task for container)|"
            r"OCI runtime (?:create|start) failed|runc (?:create|run) failed|unable to start container process): "
        ),
        "",
    ),
    (lazy_pattern(r": unknown$"), ""),
    (lazy_pattern(r": (?:unknown: )?Are you trying to mount a directory onto a file.*", re.DOTALL), ""),
    (lazy_pattern(r"\bcontainer_linux\.go:\d+: starting container process caused:? "), ""),
    (lazy_pattern(r"\b(?:process|rootfs)_linux\.go:\d+: (?:container init caused:? )?"), ""),
    (lazy_pattern(r"^container create failed: time=\S{1,60} level=error msg=\"(.*?)\"?$"), r"\1"),
    (lazy_pattern(r"\berror during container init: (?=error )"), ""),
    (lazy_pattern(r" to rootfs(?= at )| to rootfs /\S+/merged(?= at )"), ""),
    (lazy_pattern(r"/var/lib/docker/\w+/[0-9a-f]{64}/merged(?=/)"), ""),
    (lazy_pattern(r": mount src=[^:]{1,600}, flags=0x[0-9a-f]+(?:, data=[^:]{1,600})?(?=: )"), ""),
    (lazy_pattern(r"\bfailed to copy: httpReadSeeker: failed open: (?:unexpected status code \S+: )?"), ""),
    (lazy_pattern(r"\. https://www\.docker\.com/increase-rate-limit$"), ""),
    (lazy_pattern(r"^no more retries "), ""),
    (lazy_pattern(r" \(repeated \d+ times\)"), ""),
    (lazy_pattern(r"(?:,|\. list of) unattached volumes=\[[^\]]{0,2048}\]|, failed to process volumes=\[\]"), ""),
    (lazy_pattern(r"(mount failed: exit status \d+)\s.{0,3000}?\bOutput: ", re.DOTALL), r"\1: "),
    (lazy_pattern(r",?\s{1,9}status code: \d+, request id: \S*(?:, host id: \S*)?$"), ""),
    (lazy_pattern(r"\bkubernetes\.io/csi: (?:attacher\.\w+ failed to create newCsiDriverClient: )?"), ""),
    (lazy_pattern(r"^(?:ImagePullBackOff|ErrImagePull|InvalidImageName|CreateContainer(?:Config)?Error): "), ""),
    (lazy_pattern(r'^Back-off pulling image "[^"]*": ErrImagePull: '), ""),
    (lazy_pattern(r'(?<=: )failed to (?:pull and unpack image|resolve reference) "[^"]*": '), ""),
    (lazy_pattern(r'\bfailed to do request: (?:Head|Get) "[^"]*": '), ""),
    (
        lazy_pattern(r"failed to resolve references: unable to resolve references: Unable to resolve: "),
        "cannot resolve ",
    ),
    (lazy_pattern(r"failed to resolve references: Failed to "), "failed to "),
    (lazy_pattern(r"strconv\.\w+: parsing (\"[^\"]*\"): invalid syntax"), r"\1 is not a number"),
    (lazy_pattern(r"\*?\b(?:errors|exec|fs|json|net|os|url|v1alpha1)\.[A-Z]\w*(?:Error|Err)\b:? ?"), ""),
    (lazy_pattern(r"\bchild '?[^\s']+'? (failed|errored)"), r"a step of it \1"),
    (
        lazy_pattern(
            r"workflow is longer than maximum allowed size\. compressed size \d+ > maxSize \d+\.? ?"
            r"Tried to offload but encountered (?:an )?error: (?!offload node status is not supported)"
        ),
        "its nodes could not be stored in Argo's database: ",
    ),
    (lazy_pattern(r"\b(?:read|write) tcp [\w.:\[\]%-]{1,100}->[\w.:\[\]%-]{1,100}: "), ""),
    (lazy_pattern(r"workflow is longer than maximum allowed size\. compressed size (\d+) > maxSize (\d+).*", re.DOTALL),
     r"too large for etcd: its nodes take \1 bytes compressed, the limit is \2"),
    (lazy_pattern(r"Waiting for (?:[^\s/]+/)?(\S+) lock\. Lock status: (\d+)/(\d+)"), r"lock \1, \2 of \3 free"),
    (lazy_pattern(r"\b(mutex|semaphore) [^\s/]+/(\S+/)"), r"\1 \2"),
    (lazy_pattern(r"\. (?:no new claims to deallocate, )?preemption: .*", re.DOTALL), ""),
    (lazy_pattern(r"\bexpresion\b"), "expression"),
)  # fmt: skip
"""Patterns in messages of Argo, the scheduler, containerd and Go, and their replacements."""
_FIELD_OF_JSON: Final = lazy_pattern(
    r'"(?:message|error_description|error|detail|msg|reason)"\s*:\s*"((?:[^"\\]|\\.)+)"'
)
_CALL_OF_DRIVER: Final = lazy_pattern(r"(?<=KFP driver: )driver\.\w{1,20}\([^\n]{0,2000}?\) failed: ")
"""Kubeflow's driver puts all its arguments before a cause."""

_JSON_INSIDE: Final = lazy_pattern(r"(?<![:\s])[:\s]*(?:\{\s*\"|\[\s*[{\"]).*", re.DOTALL)
_NESTED: Final = lazy_pattern(r" caused \\{0,15}\"")
_NESTED_QUOTES: Final = lazy_pattern(r"\\{1,15}(?:\"|n\b)?|\"(?=:|$)|\"(?=\")")
_TRACEBACK: Final = "Traceback (most recent call last):"
_PANIC: Final = lazy_pattern(r"^panic: .*$", re.MULTILINE)


def tidy(text: str, limit: int = DETAIL_CHARACTERS) -> str:
    """Turn a message into a part of a sentence, on one line and within ``limit`` characters."""
    line = _essential_line(unwrap(text[:_READ_CHARACTERS].strip()))
    line = _without_nested_quotes(line)
    for pattern, replacement in _REWRITTEN:
        line = pattern.sub(replacement, line)
    line = " ".join(_shortened(word) for word in _without_repetitions(line.split()))
    return _cut_before_the_cause(line.rstrip(" .:,"), limit)


def _without_nested_quotes(line: str) -> str:
    """Return a message of an old runc without the quotation marks in which it nests each cause, ever more of them."""
    first = _NESTED.search(line)
    if first is None:
        return line
    return line[: first.start()] + _NESTED_QUOTES.sub("", _NESTED.sub(" caused: ", line[first.start() :]))


def _cut_before_the_cause(line: str, limit: int) -> str:
    """Shorten a message. Go puts the cause last, so a short cause is kept, and the text before it is cut."""
    cause = line.rpartition(": ")[2]
    if len(line) <= limit or not _SHORTEST_CAUSE <= len(cause) <= limit // 2:
        return shorten(line, limit)
    return f"{shorten(line[: -len(cause)], limit - len(cause) - 1)} {cause}"


def _essential_line(text: str) -> str:
    """Return the essential line of a traceback, a panic or a JSON document; other texts are unchanged."""
    panic = _PANIC.search(text)
    if panic:
        return panic.group()
    if _TRACEBACK in text:
        last = text.partition(_TRACEBACK)[2].strip()
        return telling_line(last) or last or text
    inside = _JSON_INSIDE.search(text)
    if inside is None:
        return text
    field = _FIELD_OF_JSON.search(inside.group())
    lead = text[: inside.start()].rstrip(" :")
    message = field.group(1).replace('\\"', '"') if field else ""
    return ": ".join(part for part in (lead, message) if part) or text


def _without_repetitions(words: list[str]) -> list[str]:
    return [word for i, word in enumerate(words) if not (i and word.isalpha() and word == words[i - 1])]


def _shortened(word: str) -> str:
    """Shorten a very long word to its beginning and its end, which identify it."""
    if len(word) <= _LONGEST_WORD:
        return word
    return f"{word[:_LONG_WORD_ENDS]}…{word[-_LONG_WORD_ENDS:]}"


def shorten(text: str, limit: int) -> str:
    """Cut the text to ``limit`` characters, if possible at the end of a word."""
    if len(text) <= limit:
        return text
    fitting = text[: limit - 1]
    whole_words = fitting[: fitting.rfind(" ")] if " " in fitting[limit // 2 :] else fitting
    return f"{whole_words.rstrip(' .:;,(')}…"


def stored_line(line: str, limit: int) -> str:
    """Shorten the most telling line of a log: its beginning tells what failed, and its end why.

    A right that was denied stays whole.
    """
    text = _CALL_OF_DRIVER.sub("", line)
    if len(text) <= limit:
        return text
    end = denied_clause(text)
    if not 0 < len(end) < limit * 9 // 10:
        end = text[-(limit * 3 // 5) :]
        end = end[end.find(" ", 0, len(end) // 2) + 1 :]
    return f"{shorten(text[: text.rindex(end)], limit - len(end) - 1)} {end}"


def name(display_name: str) -> str:
    """Return a step's name for a sentence. A step group's display name is only a number."""
    short = " ".join(_shortened(word) for word in display_name.split())
    return f"step group {short}" if short.startswith("[") else short


def after_lead(lead: str, text: str) -> str:
    """Return ``lead: text``, or the text alone if it starts with the lead."""
    if not text:
        return lead
    if text.lower().startswith(lead.lower()):
        return text[:1].lower() + text[1:]
    return f"{lead}: {text}"
