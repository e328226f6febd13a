"""Entry points: ``python -m wfreport``, the ``wfreport`` command, ``kubectl wfreport``, and its completion.

All that takes time is imported only after Ctrl-C has been set to end the process at once, silently and with exit code
130. Python's own handler would print a traceback while modules are imported, and click would exit with 1, which means
that a Workflow failed.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing takes several milliseconds, too
if TYPE_CHECKING:
    from typing import Final

    from wfreport.cli.group import LazyGroup

_NO_FILE_COMPLETION: Final = 4
"""cobra's ShellCompDirectiveNoFileComp."""


def main() -> None:
    """Run the command line and exit with the code that ``--help`` documents."""
    _command_line()(prog_name="wfreport")


def plugin() -> None:
    """Run the command line as a plugin of kubectl."""
    _command_line()(prog_name="kubectl wfreport")


def complete_plugin() -> None:
    """Complete the command line of the plugin, as kubectl asks for it: the program ``kubectl_complete-wfreport``.

    kubectl passes the words after ``wfreport``, the last of which is incomplete. It reads one completion per line and a
    directive of cobra's on the last one, as kubectl's own plugin completion documents.
    """
    cli = _command_line()
    import click  # noqa: PLC0415  (after Ctrl-C, see above)
    from click.shell_completion import ShellComplete  # noqa: PLC0415

    *words, incomplete = sys.argv[1:] or [""]
    completions = ShellComplete(cli, {}, "kubectl wfreport", "").get_completions(words, incomplete)
    is_file = any(completion.type != "plain" for completion in completions)
    for completion in completions:
        if completion.type == "plain":
            description = f"\t{completion.help}" if completion.help else ""
            click.echo(f"{completion.value}{description}")
    click.echo(f":{0 if is_file else _NO_FILE_COMPLETION}")


def _command_line() -> LazyGroup:
    # The module behind signal, which adds enumerations to it and takes a third of the time until here.
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # not if the shell has the signal ignored
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    from wfreport.cli.main import cli  # noqa: PLC0415  (see above)

    return cli


if __name__ == "__main__":
    main()
