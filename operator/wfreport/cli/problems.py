"""What ends a command: one line on stderr and an exit code that scripts can rely on."""

from enum import IntEnum

import click


class ExitCode(IntEnum):
    """Exit codes of all commands. They are API: CI jobs branch on them."""

    SUCCEEDED = 0
    FAILED = 1
    UNUSABLE = 2
    ERROR = 3
    TIMEOUT = 4
    NOT_FOUND = 5


class UnusableInput(click.ClickException):
    """Input or settings that cannot be used; the message names what, why, and what to do."""

    exit_code = ExitCode.UNUSABLE

    def __init__(self, subject: str, problem: str) -> None:
        super().__init__(f"{subject}: {problem}")


class NotFound(click.ClickException):
    """There is no such run or step; the message says what there is instead."""

    exit_code = ExitCode.NOT_FOUND
