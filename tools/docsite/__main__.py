"""Builds the site into ``.cache/site/site``: `python -m docsite`. Any warning, such as a broken link, is an error."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from docsite.resources import external_resources
from docsite.staging import ROOT, collect, write

_DEFAULT: Final = ROOT / ".cache" / "site"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site."""
    parser = argparse.ArgumentParser(prog="make site", description=__doc__)
    parser.add_argument("--folder", type=Path, default=_DEFAULT, help="for sources and site; made anew")
    return build(parser.parse_args(arguments).folder.resolve())


def build(folder: Path) -> int:
    """Build the site into a folder. Return the exit code."""
    write(collect(), folder)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
    done = subprocess.run([*command, "-f", "mkdocs.yml"], cwd=folder, check=False)
    site = folder / "site"
    found = external_resources(site) if not done.returncode else []
    for line in found:
        sys.stderr.write(f"docsite: requested from another server: {line}\n")
    if not (done.returncode or found):
        sys.stdout.write(f"{site / 'index.html'}\n")
    return int(bool(done.returncode or found))


if __name__ == "__main__":
    sys.exit(main())
