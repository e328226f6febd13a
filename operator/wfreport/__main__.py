"""``python -m wfreport`` and the ``wfreport`` command."""

from wfreport.cli.main import cli


def main() -> None:
    """Run the command line; it ends the process with the exit codes that ``--help`` documents."""
    cli(prog_name="wfreport")


if __name__ == "__main__":
    main()
