"""Chooses the line of a log that tells most about a failure.

The end of a log is read backwards. Stack frames, argoexec's lines, advice and generic endings (`exit status 1`) are
passed over. The last exception, panic or fatal error wins. Without one it is a lost connection or a busy service near
the end, because what follows tells only what failed for it; else the last line with the words of an error, and without
that the last line that the program wrote.
"""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from wfreport.core.classify.argoexec_lines import is_argoexec_line
from wfreport.core.classify.message_patterns import message_pattern
from wfreport.core.classify.temporary_words import is_temporary
from wfreport.imports import lazy_pattern

_READ_CHARACTERS: Final = 16 * 1024
_READ_LINES: Final = 500
_LINE_CHARACTERS: Final = 1024
_CACHED_TEXTS: Final = 128
_FAR: Final = 10
"""A line with an error that comes so many lines after the last exception belongs to something else, which ended it."""

_NEAR: Final = 6
"""A cause is looked for in so many lines before the end."""

_NOISE: Final = lazy_pattern(
    r"\W*$|\[ERROR\]\s*$|"
    r"(?:Error: )?exit status \d+$|"  # the last line of argoexec, and of Go programs
    r"\s+at \S|\s*\.\.\. \d+ (?:more|common frames)|\s+from \S+:\d+|Driver stacktrace:|"  # Java, JavaScript, Ruby
    r"goroutine \d+ |\s+\S+\.go:\d+|created by \S+|"  # Go
    r"Traceback \(most recent call last\):|(?:During handling of|The above exception) |\s+File \"[^\"]*\", line \d+|"
    r"Node\.js v\d|note: |Execution halted$|stack backtrace:|"
    r"npm (?:ERR!|error)(?: (?:A complete log|errno |syscall |path |cwd |command |  )|\s*$)|"
    r"npm (?:ERR!|error) network(?: (?:This is a problem|In most cases|If you are|'proxy' config)|\s*$)|"
    r"[│|╷╵╰╭─\s]*(?:\[ERROR\] +)?(?:For more information|To see the full stack trace|Re-run |\[Help \d+\]|"
    r"\(Background on this error|To learn more |Run with --|See https?://|\* Get more help|\* Try:)",
    re.IGNORECASE,
)
"""Lines without information: frames of stack traces, separators, advice."""

_GENERIC: Final = lazy_pattern(
    r"=====|npm (?:ERR!|error)(?! network )|\s*error: subprocess-exited-with-error|"
    r"\s*fatal: (?:the remote end hung up unexpectedly|early EOF|.{0,20}index-pack )|fetch-pack: |"
    r"make(?:\[\d+\])?: \*\*\*|BUILD FAILED|(?:\([\d:]{5,10}\) )?ERROR: Build did NOT complete successfully|"
    r"FAIL$|FAIL\s|FAILED \(|Tests?:? .*\d+ failed|"
    r"Done\b|test result: |CommandException: \d+ files/objects could not be |"
    r"Aborted$|[\w.]*CalledProcessError: |Command exited with non-zero status|"
    r"(?:.* )?(?:exited|exit(?:ed)?|terminated|failed|returned|completed)"
    r" (?:with )?(?:an? )?(?:non-?zero )?(?:exit )?(?:code|status)[: ]+-?\d+\.?$",
    re.IGNORECASE,
)
"""Endings that only state that something else failed."""

_EXCEPTION: Final = lazy_pattern(
    r"(?:[│|] )?(?:Caused by: |Exception in thread \"[^\"]*\" |: |E  +|Uncaught |Unhandled exception\. |fatal: )?(?:"
    r"(?:[A-Za-z_$][\w$]{0,63}(?:\.|::)){0,16}[A-Z]?[\w$]{0,64}?(?:Error|Exception|Interrupt)(?:: |:?$| \[| \()|"
    r"(?:[A-Za-z_$][\w$]{0,63}\.){1,16}[A-Z][\w$]{0,64}(?:: |$))|"
    r"E: Failed to fetch |\s+> (?:Could not|Cannot|Failed|Unable|No )|\s+---> (?=\S)|"  # of apt, Gradle and .NET
    r"F\d{4} \d\d:\d\d:\d\d\S* +\d+ main\.go:\d+\] (?:KFP driver: |[Ff]ailed to )|"  # of Kubeflow's programs
    r"panic: |fatal error: |thread '[^']*' panicked at '|\s*what\(\): |FAILED \S+::|--- FAIL: |● "
)
"""Exceptions, panics, the last words of Kubeflow's own programs, and failed tests."""

_SEVERE: Final = lazy_pattern(
    r"(?:level|severity)\"?[=:] ?\"?(?:error|fatal|panic|critical)\b|"
    r"(?:[\d\-/:.,TZ+ ]|\[[^\]]{1,40}\]){0,64}[\[(<]?(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC)\b(?!=)|"
    r"[EF]\d{4} \d\d:\d\d:\d\d|npm (?:ERR!|error) network "
)
"""Lines that a logger marks as an error."""

_ROUTINE: Final = lazy_pattern(
    r"(?:level|severity)\"?[=:] ?\"?(?:info|debug|trace|warn|warning)\b|"
    r"(?:[\d\-/:.,TZ+ ]|\[[^\]]{1,40}\]){0,64}[\[(<]?(?:INFO|DEBUG|TRACE|WARN|WARNING|NOTICE)\b|"
    r"info (?=[A-Z])|\++ |\{\"[^\"]*\":\s*\"?(?:INFO|DEBUG|TRACE|WARN)|[IW]\d{4} \d\d:\d\d:\d\d"
)
"""Lines that a logger marks as routine, and the commands that `set -x` prints."""

_WORDS: Final = message_pattern(
    r"\b(?:errors?|failed|failure|failing|fails|fatal|cannot|can't|could not|couldn't|unable to|not found|no such|"
    r"denied|refused|forbidden|unauthorized|invalid|illegal|bad|missing|timed? ?out|timeout|expired|unreachable|"
    r"reset by peer|does not exist|doesn't exist|is not|no space left|killed|abort(?:ed|ing)|segmentation fault|"
    r"core dumped|corrupt(?:ed)?|mismatch|exceeded|undefined|unexpected|unknown|unrecognized|unsupported|must be|"
    r"violates|rejected|panicked|too many|too large|too long|out of memory|overflow|conflict)\b(?!=)",
    re.IGNORECASE,
)
"""Words of errors."""

_CONTINUED: Final = lazy_pattern(r"\s|(?:DETAIL|HINT|LINE \d+|CONTEXT|STATEMENT|hint|help|DEBUG): ")
"""Lines that go on with the previous one."""

_OVERCOME: Final = message_pattern(
    r"\b(?:retrying|will retry|trying again|continuing|ignor\w+|skipp\w+)\b|"
    r"\"(?:GET|POST|PUT|PATCH|DELETE|HEAD) /",
    re.IGNORECASE,
)
"""Words of a failure that a program went on from, and requests that it answered itself."""

_PYTHON_FRAME: Final = lazy_pattern(r"\s+File \"[^\"]*\", line \d+")
_RUST_PANIC: Final = lazy_pattern(r"thread '[^']*'[^\n]{0,40} panicked at \S+:\d+:\d+:$")
_CAUSED_BY: Final = lazy_pattern(r"Caused by:\s*$")
"""Cargo and others write each cause on a line of its own, the deepest last."""

_CAUSE_BELOW: Final = lazy_pattern(r"caused by: \S")
"""What the AWS SDK for Go writes below a request that could not be sent."""

_HEADING: Final = lazy_pattern(
    r"(?:[\d:.]{8,15} +| +)?(?:Runtime|Database|Compilation|Parsing|Dependency) Error"
    r"(?: in \S+ \S+ \([^)]{1,300}\))?\s*$"
)
"""What dbt writes above an error."""

_ANSWER_ABOVE: Final = lazy_pattern(r"fatal: \[[^\]]{1,200}\]: [A-Z]{1,20}! =>[^\"]{0,40}$")
_ANSWER: Final = lazy_pattern(r"\s+\"?msg\"?: ")
"""Ansible spreads the answer of a module over lines."""

_REFUSED_BY_API: Final = lazy_pattern(r"(?:[A-Za-z_]\w{0,63}\.){0,8}[A-Z]\w{0,40}Exception: \(\d{3}\)\s*$")
_BODY: Final = lazy_pattern(r'HTTP response body: b?.?\{.{0,300}?"(?:message|error)":\s?"((?:[^"\\]|\\.){1,700})"')
"""Generated clients in Python, such as that of Kubernetes, spread a refusal over lines; the last one has its cause."""

_BOXED: Final = "│ Error: "
_BOX_LINES: Final = 12
_PLACE: Final = lazy_pattern(r"│\s+(?:with|on) |[^│]")
"""Lines of Terraform's box that tell where it was, and those below it."""

_LEAD: Final = lazy_pattern(
    r"(?:#\d{1,4} )?\d{1,5}\.\d{1,3} {1,3}(?=[A-Za-z])|#\d{1,4} (?=[A-Z])|"
    r"\((?:[\w.:<>-]{1,80} )?pid=\d{1,10}(?:, ip=[\d.]{7,15})?\) |\[rank\d{1,5}\]: "
)
"""What stands before each line: of BuildKit its number and the seconds, of Ray, vLLM and torchrun the process."""


class _Rank(IntEnum):
    EXCEPTION = 0
    ERROR = 1
    PLAIN = 2
    CONTINUED = 3
    GENERIC = 4
    ROUTINE = 5
    NOISE = 6


_MARKS: Final = (
    (_NOISE, _Rank.NOISE),
    (_GENERIC, _Rank.GENERIC),
    (_EXCEPTION, _Rank.EXCEPTION),
    (_SEVERE, _Rank.ERROR),
    (_ROUTINE, _Rank.ROUTINE),
    (_CONTINUED, _Rank.CONTINUED),
)
"""Starts of lines and their meaning; the first match counts."""


class _Scan(Struct):
    """The lines that were found while a log is read backwards: the last one of each rank, and the line after this one.

    Attributes:
        found: the last line of each rank, and the number of informative lines after it.
        informative: number of informative lines read.
        following: the last line read that has information and is not indented.
        nearest: the last line read that has information.
        answer: the last message read of a module of Ansible, or of an API that refused a request.
        cause: the last line that tells of a lost connection, a busy service or the like, near the end.
    """

    found: dict[_Rank, tuple[str, int]]
    informative: int = 0
    following: str = ""
    nearest: str = ""
    answer: str = ""
    cause: str = ""

    def read(self, line: str) -> bool:
        """Read the line before those that were read; return whether the search is over."""
        if (_PYTHON_FRAME.match(line) or _RUST_PANIC.match(line)) and self.following:
            self.found[_Rank.EXCEPTION] = (self.following, self.informative - 1)
            return True
        if self.nearest and _CAUSED_BY.match(line):
            self.found[_Rank.EXCEPTION] = (self.nearest, self.informative - 1)
            return True
        rank = _rank(line)
        if rank is _Rank.NOISE:
            return False
        line = self._with_cause(line)
        if self.cause and not self.cause.startswith("fetch-pack: "):  # git tells above it why
            self.cause = line if self.cause.strip() in line else self.cause
        elif self.informative < _NEAR and rank < _Rank.ROUTINE and _is_cause(line) and not self._is_overcome(line):
            self.cause = line
        self.found.setdefault(rank, (line, self.informative))
        self.informative += 1
        self.nearest = line
        if not line[0].isspace() and rank is not _Rank.GENERIC:
            self.following = line
        return rank is _Rank.EXCEPTION

    def _is_overcome(self, line: str) -> bool:
        """Return whether a line is a warning of apt that no error of apt follows: the program went on."""
        error = self.found.get(_Rank.ERROR)
        return line.startswith("W: ") and error is not None and not error[0].startswith(("E: ", "W: "))

    def _with_cause(self, line: str) -> str:
        """Return a line with the cause that stands on a line of its own below it."""
        body = _BODY.match(line)
        if body or _ANSWER.match(line):
            self.answer = _unquoted(f'"{body[1]}"') if body else line
        is_above = line.rstrip().endswith(":") and _indentation(self.nearest) > _indentation(line)
        is_above = is_above or _CAUSE_BELOW.match(self.nearest) is not None
        cause = self.nearest if is_above or _HEADING.match(line) else ""
        cause = self.answer if _ANSWER_ABOVE.match(line) or _REFUSED_BY_API.match(line) else cause
        return f"{line.rstrip()} {cause.strip()}"[:_LINE_CHARACTERS] if cause else line


def _is_cause(line: str) -> bool:
    return is_temporary(line) and not _OVERCOME.search(line)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def telling_line(text: str) -> str:
    """Return the line that tells most about a failure; empty if there are only routine lines or none."""
    line, rank = _find(text)
    return line if rank < _Rank.ROUTINE else ""


def last_informative_line(text: str) -> str:
    """Return the line that tells most about a failure; the last line if none does."""
    line, rank = _find(text)
    return line if rank < _Rank.NOISE else (_lines(text) or [""])[-1][:_LINE_CHARACTERS].strip()


@lru_cache(maxsize=_CACHED_TEXTS)
def _find(text: str) -> tuple[str, _Rank]:
    scan = _Scan({})
    for line in reversed(_lines(text)):
        if scan.read(line[:_LINE_CHARACTERS]):
            break
    exception, error = scan.found.get(_Rank.EXCEPTION), scan.found.get(_Rank.ERROR)
    if exception and error and exception[1] - error[1] > _FAR:
        return error[0].strip(), _Rank.ERROR
    rank = min(scan.found, default=_Rank.NOISE)
    if scan.cause and rank is not _Rank.EXCEPTION:
        return scan.cause.strip(), _Rank.ERROR
    return (scan.found[rank][0].strip() if scan.found else ""), rank


def _lines(text: str) -> list[str]:
    lines = text[-_READ_CHARACTERS:].rstrip().splitlines()[-_READ_LINES:]
    return _with_joined_boxes(lines) if _BOXED in text else lines


def _with_joined_boxes(lines: list[str]) -> list[str]:
    """Join each error of Terraform with the cause that stands below it, in the same box."""
    joined: list[str] = []
    position = 0
    while position < len(lines):
        line, position = lines[position], position + 1
        if line.startswith(_BOXED):
            cause = _cause_in_box(lines[position : position + _BOX_LINES])
            position += len(cause)
            line = ": ".join(part for part in (line.rstrip(), " ".join(filter(None, cause))) if part)
        joined.append(line)
    return joined


def _cause_in_box(lines: list[str]) -> list[str]:
    """Return the first paragraph of a box, with an empty text for each blank line before it; empty without one."""
    found: list[str] = []
    for line in lines:
        text = line.removeprefix("│").strip()
        if _PLACE.match(line) or (not text and any(found)):
            break
        found.append(text)
    return found if any(found) else []


def _rank(line: str) -> _Rank:
    if is_argoexec_line(line):
        return _Rank.NOISE
    lead = _LEAD.match(line)
    at = lead.end() if lead else 0
    marked = next((rank for pattern, rank in _MARKS if pattern.match(line, at)), None)
    if marked is not None:
        return marked
    return _Rank.ERROR if _WORDS.search(line) else _Rank.PLAIN


_LEADS: Final = lazy_pattern(
    r"-{0,3}> (?=\S)|[EW]: (?=\S)|"  # of Gradle and .NET, and of apt
    r"(?:[│|] )?(?:Caused by: |Exception in thread \"[^\"]*\" |: (?=\S)|E {3,}|Unhandled exception\. |Error: )|"
    r"(?:[\d\-/:.,TZ+ ]|\[[^\]]{1,40}\]){0,64}[\[(<]?(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC)\b[\])>]?[\s:|-]*(?=\w)|"
    r"[EF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [^\]\s]{1,100}\] |"
    r"(?:\d{4}[-/]\d\d[-/]\d\d[T ]|\[)\d\d:\d\d:\d\d\S*\s+(?=\w)"
)
"""The part before a message: the time and the level of a logger, or a word that the sentence does not need."""

_MESSAGE: Final = lazy_pattern(r'\bmsg=("(?:[^"\\]|\\.)*"|\S+)')
_CAUSE: Final = lazy_pattern(r'\b(?:error|err)=("(?:[^"\\]|\\.)*"|\S+)')
_MESSAGE_KEYS: Final = ("msg", "message", "event", "error", "err")


def message_of(line: str) -> str:
    """Return the message of a log line, without what a logger or a runtime puts around it."""
    lead = _LEADS.match(line)
    text = _structured(line) or (line[lead.end() :] if lead else line)
    return text.strip() or line.strip()


def _structured(line: str) -> str:
    """Return message and error of a line in JSON or logfmt; empty for any other line."""
    if line.startswith("{"):
        return _of_json(line)
    message, cause = _MESSAGE.search(line), _CAUSE.search(line)
    if message is None or "level=" not in line:
        return ""
    return ": ".join(_unquoted(found[1]) for found in (message, cause) if found)


def _unquoted(value: str) -> str:
    return value[1:-1].replace('\\"', '"') if value.startswith('"') else value


def _of_json(line: str) -> str:
    try:
        fields = msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return ""
    texts = [str(fields[key]) for key in _MESSAGE_KEYS if isinstance(fields.get(key), str) and fields[key]]
    return ": ".join(dict.fromkeys(texts))
