"""``python -m wfreport``, the ``wfreport`` command, and the same as a plugin of kubectl."""

from wfreport.cli.main import cli
from wfreport.cli.options import PLUGIN_NAME


def main() -> None:
    """Run the command line; it ends the process with the exit codes that ``--help`` documents."""
    cli(prog_name="wfreport")


def plugin() -> None:
    """Run it as ``kubectl wfreport``."""
    cli(prog_name=PLUGIN_NAME)


if __name__ == "__main__":
    main()
