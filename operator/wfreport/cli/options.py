"""Options and help that the commands share; nothing here is slow to import."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from wfreport.cli.problems import UnusableInput

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

PLUGIN_NAME: Final = "kubectl wfreport"
"""What the command is called where kubectl runs it: help texts name it so."""


class Duration(click.ParamType[float]):
    """A duration such as 30m, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it; click ends the command with code 2 where it is none."""
        from wfreport.core.timing.durations import parse_duration  # noqa: PLC0415

        try:
            return parse_duration(str(value)).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)


class AnyCase(click.ParamType[str]):
    """One of some words, in whatever case; errors and completion show them as they are written elsewhere."""

    name = "word"

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Find the word; click ends the command with code 2 where there is none."""
        found = next((word for word in self.words if word.lower() == str(value).lower()), None)
        if found is None:
            self.fail(f"{value!r} is not one of {', '.join(self.words)}", param, ctx)
        return found

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The words that begin so."""
        del ctx, param
        return [CompletionItem(word) for word in self.words if word.lower().startswith(incomplete.lower())]


class Command(click.Command):
    """A command whose help calls the program as the user did, and whose usage errors are one line."""

    def get_help(self, ctx: click.Context) -> str:
        """The help text."""
        return _as_called(super().get_help(ctx), ctx)


class Sections(click.Group):
    """A group whose help lists its commands by purpose."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sections: list[tuple[str, tuple[click.Command, ...]]] = []

    def add_section(self, title: str, commands: tuple[click.Command, ...]) -> None:
        """Add commands under a heading of the help."""
        self._sections.append((title, commands))
        for command in commands:
            self.add_command(command)

    def get_help(self, ctx: click.Context) -> str:
        """The help text."""
        return _as_called(super().get_help(ctx), ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, section by section."""
        del ctx
        for title, commands in self._sections:
            with formatter.section(title):
                formatter.write_dl([(found.name or "", found.get_short_help_str(limit=70)) for found in commands])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what is wrong with its arguments is told in one line."""
        try:
            return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            called = (error.ctx or ctx).command_path
            message = " ".join(error.format_message().split())
            raise UnusableInput(called, f"{message} (help: {called} --help)") from error


def _as_called(text: str, ctx: click.Context) -> str:
    root = ctx.find_root()
    called = root.info_name or ""
    if called != PLUGIN_NAME or not isinstance(root.command, click.Group):
        return text
    commands = "|".join(root.command.commands)
    return re.sub(rf"(?<!kubectl )\bwfreport(?= (?:{commands})\b)", called, text)


def cluster_options(function: FunctionT) -> FunctionT:
    """Which cluster and namespace: ``namespace``, ``context`` and ``kubeconfig``, as kubectl has them."""
    for option in (
        click.option("--kubeconfig", metavar="FILE", help="Default: $KUBECONFIG, else ~/.kube/config."),
        click.option("--context", metavar="NAME", help="Context of the kubeconfig. Default: the current one."),
        click.option("-n", "--namespace", metavar="NAME", help="Namespace. Default: that of the context."),
    ):
        function = option(function)
    return function


def color_option(function: FunctionT) -> FunctionT:
    """When to use colours: ``color``."""
    choice = click.Choice(["auto", "always", "never"])
    return click.option("--color", type=choice, default="auto", show_default=True)(function)


def page_options(function: FunctionT) -> FunctionT:
    """How a report is shown: ``color`` and ``everything``."""
    everything = click.option(
        "--all", "everything", is_flag=True, help="List every step and log line on a terminal too."
    )
    return color_option(everything(function))
