"""Errors that end a command with one line on stderr and a documented exit code."""

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
    """Input, settings or a cluster that a command cannot use. The message gives the problem and the fix."""

    exit_code = ExitCode.UNUSABLE

    def __init__(self, subject: str, problem: str) -> None:
        super().__init__(f"{subject}: {problem}")


class NotFound(click.ClickException):
    """A run, step or object that does not exist. The message lists alternatives."""

    exit_code = ExitCode.NOT_FOUND
