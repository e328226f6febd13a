"""Entry points: ``python -m wfreport``, the ``wfreport`` command, and ``kubectl wfreport``."""

import sys
from typing import Final

import click
from click.shell_completion import ShellComplete

from wfreport.cli.main import cli

_NO_FILE_COMPLETION: Final = 4
"""cobra's ShellCompDirectiveNoFileComp."""


def main() -> None:
    """Run the command line and exit with the code that ``--help`` documents."""
    cli(prog_name="wfreport")


def plugin() -> None:
    """Run the command line as a plugin of kubectl."""
    cli(prog_name="kubectl wfreport")


def complete_plugin() -> None:
    """Complete the command line of the plugin, as kubectl asks for it: the program ``kubectl_complete-wfreport``.

    kubectl passes the words after ``wfreport``, the last of which is incomplete. It reads one completion per line and a
    directive of cobra's on the last one (``k8s.io/kubectl/pkg/cmd/plugin_completion.go``).
    """
    *words, incomplete = sys.argv[1:] or [""]
    completions = ShellComplete(cli, {}, "kubectl wfreport", "").get_completions(words, incomplete)
    is_file = any(completion.type != "plain" for completion in completions)
    for completion in completions:
        if completion.type == "plain":
            description = f"\t{completion.help}" if completion.help else ""
            click.echo(f"{completion.value}{description}")
    click.echo(f":{0 if is_file else _NO_FILE_COMPLETION}")


if __name__ == "__main__":
    main()
