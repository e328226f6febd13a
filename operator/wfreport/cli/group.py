"""The command group: it lists its commands from a table and imports one only when it runs."""

import errno
import gc
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import click
from click.shell_completion import CompletionItem

from wfreport.cli.problems import UnusableInput

_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class Command(click.Command):
    """A command whose callback returns its exit code, and whose help lists exit codes and examples.

    Attributes:
        exit_codes: the meaning of each exit code.
        examples: command lines in which ``%(prog)s`` stands for the program as the user called it.
    """

    def __init__(
        self, *args: Any, exit_codes: Mapping[int, str] | None = None, examples: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.exit_codes = exit_codes or {}
        self.examples = examples

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description, the exit codes and the examples."""
        super().format_help_text(ctx, formatter)
        if self.exit_codes:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(int(code)), meaning) for code, meaning in self.exit_codes.items()])
        if self.examples:
            program = ctx.find_root().command_path
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example % {'prog': program}}\n")

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and exit with the code that its callback returned."""
        ctx.exit(super().invoke(ctx) or 0)


class LazyCommand(NamedTuple):
    """An entry of the table of commands.

    Attributes:
        name: name of the command.
        import_path: dotted path of its ``click.Command``.
        short_help: description in the group's help and in shell completion.
    """

    name: str
    import_path: str
    short_help: str

    def load(self) -> click.Command:
        """Import the command. Modules make much that lives on, and no garbage: the collector would take a tenth."""
        module, _, attribute = self.import_path.rpartition(".")
        gc.disable()
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
            gc.freeze()
        finally:
            gc.enable()
        return command


class LazyGroup(Command, click.Group):
    """A group that imports a command only to run it or to show its help.

    Attributes:
        sections: the commands under the headings that the help shows, in the order of the help.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[LazyCommand]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections
        # click suggests similar names from this mapping.
        self.commands = {
            entry.name: click.Command(entry.name, short_help=entry.short_help) for entry in self._entries()
        }

    def _entries(self) -> Iterator[LazyCommand]:
        for entries in self.sections.values():
            yield from entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order of the help."""
        del ctx
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if the group has no such command."""
        del ctx
        return next((entry.load() for entry in self._entries() if entry.name == cmd_name), None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands section by section."""
        del ctx
        for title, entries in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(entry.name, entry.short_help) for entry in entries])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that start with ``incomplete``, without importing a command."""
        entries = [entry for entry in self._entries() if entry.name.startswith(incomplete)]
        commands = [CompletionItem(entry.name, help=entry.short_help) for entry in entries]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the arguments; report help or a version that cannot be written on one line."""
        with _writing():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; report an error in its arguments, or output that cannot be written, on one line."""
        try:
            with _writing():
                return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            command_path = (error.ctx or ctx).command_path
            message = " ".join(error.format_message().split())
            raise UnusableInput(command_path, f"{message} (help: {command_path} --help)") from error


@contextmanager
def _writing() -> Iterator[None]:
    """Report output that cannot be written as an error of one line."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise UnusableInput("output", os.strerror(error.errno)) from error
