"""Finds secrets in command lines: flags that name them, and flags that only their program explains."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from wfreport.core.redact.detectors import Detector, Span
from wfreport.core.redact.placeholders import is_placeholder
from wfreport.core.redact.programs import PROGRAMS
from wfreport.core.redact.words import STATE_WORDS, is_random, is_reference, words
from wfreport.imports import lazy_pattern

_FLAG: Final = lazy_pattern(
    r"(?<![\w-])--?[\w-]{0,40}?"
    r"(?:password|passwd|passphrase|token|secret|(?:api|access|secret|private|auth|account|signing"
    r"|encryption)[-_]?key|pass|pwd|pw"
    r"|credentials?|creds|secret-access-key|passwort)"
    r"(?:[ \t]{1,8}|[\"'][ \t]{0,3},?[ \t]{0,3}(?=[\"'])|,(?=\S)"
    r"|[\"']?\r?\n[ \t]{0,64}-[ \t]{1,4}(?!-)|[\"'],\r?\n[ \t]{0,64}(?=[\"']))(?P<value>\"[^\"\n]*|'[^'\n]*"
    r"|[^\s\"'-][^\s\"']*)",
    re.IGNORECASE,
)
_FLAG_WORDS: Final = STATE_WORDS | words(
    """
    is must not or and was flag option required to for cannot with in requires should needs has needed missing
    are can may will argument of as if instead but the a an also only when from flags string value arg int bool file
    deprecated use via by specified given command commands option options switch switches description respectively
    """
)
_METAVARIABLES: Final = words(
    "TEXT STRING STR VALUE VAL PASSWORD PASS TOKEN SECRET KEY PATH FILE FILENAME API_KEY APIKEY"
)
"""What a help text puts in the place of a value."""

_SUBJECTS: Final = words("test tests testing support parsing handling auth authentication")
_BEFORE_SUBJECT: Final = lazy_pattern(
    r"(?:^|[\s`(])(?:[a-z]{2,20}ing|add|remove|fix|the|a|an|for|of|with|to|on|by|from|new|missing)[ \t]+`?$",
    re.IGNORECASE,
)
"""The word before a flag that a sentence is about: ``skip running --token testing``."""

_HELP_START: Final = lazy_pattern(r"(?:-\w,?[ \t]{1,4})?")
_DESCRIPTION: Final = lazy_pattern(
    r"(?:[A-Za-z][a-z]{0,20}|[A-Z]{1,8})(?:[ ]['(<]?[A-Za-z][A-Za-z'/-]{0,20}[)>',:;.]{0,2}){2}(?![^\s])"
)
_BEFORE_CHARACTERS: Final = 48
_LINE_CHARACTERS: Final = 256
_FILE: Final = lazy_pattern(
    r"(?:file:|env:|fd:|@|/|\./|~/)\S*|[\w-]{1,64}\.(?:json|txt|ya?ml|pem|key|env|cfg|ini|conf)|\.[a-z]{2,16}",
    re.IGNORECASE,
)
_BUILD_SECRET: Final = lazy_pattern(
    r"--secret[ \t]{1,8}[\"']?(?:type=|source=|src=|id=)(?P<more>[\w.-]{1,64},(?:src|source|env|target|type)=)?"
)
"""``docker build --secret id=npm,src=…`` names the secret."""


def _is_build_secret(flag: re.Match[str]) -> bool:
    match = _BUILD_SECRET.match(flag.string, flag.start() + len(flag[0]) - len(flag[0].lstrip()))
    before = flag.string[max(0, flag.start() - _LINE_CHARACTERS) : flag.start()].rpartition("\n")[2]
    return match is not None and (match["more"] is not None or "build" in before)


def _flag_values(text: str) -> Iterator[Span]:
    for match in _FLAG.finditer(text):
        if not _is_described(match) and not _is_subject(match) and not _is_build_secret(match):
            yield from _secret_value(match)


def _is_described(flag: re.Match[str]) -> bool:
    """Whether a help text lists the flag: it begins the line, and two blanks and a sentence follow."""
    start = flag.start("value")
    return (
        flag.string[start - 2 : start].isspace()
        and _HELP_START.fullmatch(_line_before(flag).lstrip()) is not None
        and _DESCRIPTION.match(flag.string, start) is not None
    )


def _is_subject(flag: re.Match[str]) -> bool:
    """Whether a sentence is about the flag, and not a command that has it."""
    return (
        flag["value"].lower().rstrip(".,;:)`") in _SUBJECTS and _BEFORE_SUBJECT.search(_line_before(flag)) is not None
    )


def _line_before(flag: re.Match[str]) -> str:
    """Return what precedes a flag on its line, or the last characters of it."""
    start = flag.start()
    return flag.string[max(0, start - _BEFORE_CHARACTERS) : start].rpartition("\n")[2]


def _secret_value(match: re.Match[str]) -> Iterator[Span]:
    value = match["value"].lstrip("\"'")
    word = value.lower().rstrip(".,;:`)")
    end = value.rstrip("]);")
    if is_placeholder(end) or is_reference(end) or _FILE.fullmatch(value) or not value.strip(_MARKS):
        return
    if word not in _FLAG_WORDS and value.rstrip("])>") not in _METAVARIABLES and not _ALTERNATIVES.match(value):
        yield match.end("value") - len(value), match.end("value")


_MARKS: Final = "\\\"'`,;)]"
_ALTERNATIVES: Final = lazy_pattern(r"[a-z]{2,16}(?:\|[a-z]{2,16}){1,8}(?:\]|$)")
"""``[--credential yes|no]``"""

_NAMES: Final = "|".join(program.names for program in PROGRAMS)
_COMMAND: Final = lazy_pattern(rf"(?<![\w.-])(?P<name>{_NAMES})(?=[\s\"',])")
_SECRETS: Final = [(lazy_pattern(program.secret), lazy_pattern(program.subcommand)) for program in PROGRAMS]
_CACHED_NAMES: Final = 256


@lru_cache(maxsize=_CACHED_NAMES)
def _programs_named(name: str) -> tuple[int, ...]:
    """Return the indices of the programs with this name: several entries of the table can have it."""
    return tuple(index for index, program in enumerate(PROGRAMS) if re.fullmatch(program.names, name))


def _program_secrets(text: str) -> Iterator[Span]:
    """Search the rest of each line after the first name of a program for its secrets, once for each program."""
    searched = [0] * len(PROGRAMS)
    for command in _COMMAND.finditer(text):
        end = text.find("\n", command.end())
        end = len(text) if end < 0 else end
        for index in _programs_named(command["name"]):
            if searched[index] <= command.start():
                searched[index] = end
                yield from _secrets_of(index, text, command.end(), end)


def _secrets_of(index: int, text: str, start: int, end: int) -> Iterator[Span]:
    secret, subcommand = _SECRETS[index]
    if subcommand.search(text, start, end):
        at_least = PROGRAMS[index].min_random
        for found in secret.finditer(text, start, end):
            if not at_least or is_random(found["value"], at_least):
                yield from _secret_value(found)


_WINDOWS_FLAG: Final = lazy_pattern(
    r"(?<=[\s\"'])/(?:password|pass|passwd|pwd|pw|p|token|apikey|secret):(?!\w{1,64}=)(?P<value>\"[^\"\n]{1,256}"
    r"|[^\s\"']{4,256})",
    re.IGNORECASE,
)
"""``tool.exe /password:…``"""


_USER_AND_FLAG: Final = lazy_pattern(
    r"(?<![^\s\"'])-(?:u|U|l|user|username)[ =]?[\"']?(?!-)[\w.@+-]{1,64}[\"']?[ \t]{1,4}"
    r"(?:-[a-zA-Z][ ][^\s-]\S{0,64}[ \t]{1,4}){0,2}-[pPwW][ =]?(?P<value>[\"']?(?!-)[^\s\"'=]{4,256})"
)
"""``tool -u user -p …``: beside the name of a user, ``-p`` is neither a port nor a path if its value is no name."""

_FLAG_WITH_PAIR: Final = lazy_pattern(
    r"(?<![\w-])--?(?:[\w-]{0,24}-)?(?:auth|user|userpass|creds?|credentials?|login"
    r"|basic|u)[ =][\"']?[\w.@+-]{1,64}:[\"']?"
    r"(?P<value>[^\s\"'@/:]{5,256})(?![^\s\"'])"
)
"""``tool --auth user:…``"""


def _flags_of_users(text: str) -> Iterator[Span]:
    for match in _USER_AND_FLAG.finditer(text):
        value = match["value"].lstrip("\"'")
        if is_random(value, 4) and not value.startswith(("/", "./", "$")):
            yield match.end("value") - len(value), match.end("value")
    for match in _FLAG_WITH_PAIR.finditer(text):
        if is_random(match["value"], 5):
            yield match.span("value")


def _windows_flags(text: str) -> Iterator[Span]:
    for match in _WINDOWS_FLAG.finditer(text):
        yield from _secret_value(match)


DETECTORS: Final[tuple[Detector, ...]] = (
    Detector((r"(?i)(?:^|[^\w-])--?[\w-]*(?:pass|token|secret|key|pwd|pw|cred)",), _flag_values),
    Detector((r"(?i)[\s\"']/(?:p|pass|passwd|password|pwd|pw|token|apikey|secret):",), _windows_flags),
    Detector(
        (r" -[pPwW][ =]?[^\s-]", r"-(?:auth|user|userpass|creds?|credentials|login|basic|u)[ =]"), _flags_of_users
    ),
    Detector((rf"\b(?:{_NAMES})[\s\"',]",), _program_secrets),
)
