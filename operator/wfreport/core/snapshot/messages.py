"""Parses the messages that Argo writes to failed nodes.

The formats are those of ``inferFailedReason`` (operator.go:1785) in Argo 3.5 to 4.1; see
docs/explanation/argo-behaviour.md, "How failures appear".
"""

import re

import msgspec

from wfreport.imports import lazy_pattern

_EXIT = lazy_pattern(
    r"^(?:(?P<container>[a-z0-9](?:[-a-z0-9]*[a-z0-9])?): )?"  # since Argo 3.7
    r"(?P<reason>[A-Za-z][A-Za-z0-9]*|) ?\(exit code (?P<code>-?\d{1,10})\)(?:: (?P<detail>.*))?$",
    re.DOTALL,
)
_OLD_EXIT = lazy_pattern(
    r"^(?:sidecar '(?P<container>[^']{1,253})' )?failed with exit code (?P<code>\d{1,10})$"
)  # before Argo 3
_NUMBER = lazy_pattern(r"^-?[0-9]{1,10}$")
_EXIT_CODE = lazy_pattern(r"\(exit code (?P<code>-?\d{1,10})\)")
_WRAPPER = lazy_pattern(
    r"task '.*?' errored: |"  # dag.go:680
    r"step group deemed errored due to child .*? error: |"  # steps.go:310
    r"(?:\S{1,253} )?error in (?:entry|exit) template execution ?: ",  # operator.go:425, 511; with its name before 3.0
    re.DOTALL,
)
_MAX_WRAPPERS = 10
"""Nested prefixes that are removed. Nested templates add one each, and a message can consist of nothing else."""

_AGENT_WRAPPER = lazy_pattern(
    r"^(?:create )?agent pod failed with reason:\"(?P<reason>.*)\"$", re.DOTALL
)  # agent.go:54, taskset.go:108


class ExitMessage(msgspec.Struct, frozen=True, gc=False):
    """The message ``[<container>: ]<reason> (exit code <code>)[: <termination message>]``; the reason may be empty."""

    container: str | None
    reason: str
    code: int
    detail: str


def unwrap(message: str) -> str:
    """Remove the prefixes that DAGs, steps, the entrypoint and the agent put before an error."""
    start = 0
    for _ in range(_MAX_WRAPPERS):
        match = _WRAPPER.match(message, start)  # by position, so that the rest is not copied for each prefix
        if match is None:
            break
        start = match.end()
    message = message[start:]
    agent = _AGENT_WRAPPER.match(message)
    return agent["reason"] if agent and agent["reason"] else message


def parse_exit(message: str) -> ExitMessage | None:
    """Parse the message of a container that ended; None for any other message."""
    match = _EXIT.match(message)
    if match:
        return ExitMessage(match["container"], match["reason"], int(match["code"]), match["detail"] or "")
    old = _OLD_EXIT.match(message)
    return ExitMessage(old["container"], "Error", int(old["code"]), "") if old else None


def is_exit(message: str) -> bool:
    """Whether the message is that of a container that ended (``parse_exit``)."""
    return bool(_EXIT.match(message) or _OLD_EXIT.match(message))


def exit_code(message: str, recorded: str | None) -> int | None:
    """Return the exit code of a failure: that of the message, else the one that Argo recorded for ``main``.

    A recorded 0 is ignored. It means that another container failed, and its code is unknown.
    """
    match = _EXIT_CODE.search(message) or _OLD_EXIT.match(message)
    code = int(match["code"]) if match else _number(recorded)
    return code or None


def _number(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.match(text) else None
