"""``wfreport version``: the installed version."""

import importlib.metadata

import click

from wfreport.cli.group import Command


@click.command(cls=Command, examples=("%(prog)s version",))
def version() -> None:
    """Print the version."""
    click.echo(f"wfreport {importlib.metadata.version('wfreport')}")
