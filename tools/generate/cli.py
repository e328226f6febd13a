"""Renders the reference page of the command line from the help of each command."""

from __future__ import annotations

import click

from wfreport.cli.main import cli

_WIDTH = 100
_INTRODUCTION = (
    "`kubectl wfreport` is the same program: put `kubectl-wfreport` on PATH, and its help names it so "
    "([how to](../howto/kubectl-plugin.md)). On a terminal, output is fitted to the width; in a pipe nothing is cut."
)


def cli_parts() -> list[str]:
    """Return the paragraphs of the page: the program, then each command in the order of the help."""
    root = click.Context(cli, info_name="wfreport", terminal_width=_WIDTH, max_content_width=_WIDTH)
    parts = [_INTRODUCTION, _help(cli, root)]
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        if command is not None and not command.hidden:
            parts += [f"## wfreport {name}", _help(command, _context(command, name, root))]
    return parts


def _context(command: click.Command, name: str, root: click.Context) -> click.Context:
    settings = {"terminal_width": _WIDTH, "max_content_width": _WIDTH, **command.context_settings}
    return click.Context(command, info_name=name, parent=root, **settings)


def _help(command: click.Command, context: click.Context) -> str:
    return f"```text\n{command.get_help(context).rstrip()}\n```"
