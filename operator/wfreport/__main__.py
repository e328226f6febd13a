"""Entry points: ``python -m wfreport``, the ``wfreport`` command, and ``kubectl wfreport``."""

from wfreport.cli.main import cli


def main() -> None:
    """Run the command line and exit with the code that ``--help`` documents."""
    cli(prog_name="wfreport")


def plugin() -> None:
    """Run the command line as a plugin of kubectl."""
    cli(prog_name="kubectl wfreport")


if __name__ == "__main__":
    main()
