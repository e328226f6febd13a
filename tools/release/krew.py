"""Writes the Krew manifest of a release: `python -m release.krew --version v1.2.3 --home URL --downloads URL ARCHIVE…`.

Each archive is named `kubectl-wfreport-OS-ARCH.tar.gz` and contains the folder `kubectl-wfreport`. No address stands in
the sources, because the release workflow knows where it publishes.

Source: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

_ARCHIVE = re.compile(r"kubectl-wfreport-(?P<os>linux|darwin)-(?P<arch>amd64|arm64)\.tar\.gz")
_DESCRIPTION = """\
Tells why a run of Argo Workflows failed: the root cause with its evidence (pod, exit code, reason, log tail), where
the time went, and what changed since the last success. It reads the reports of the wfreport operator, and works
without the operator as well: from the Workflow, its pods and Argo's archive, with your own permissions.
"""


def manifest(version: str, home: str, downloads: str, archives: Sequence[Path]) -> dict[str, Any]:
    """Return the manifest of `version` (with a leading v), whose archives are published under `downloads`.

    Raises:
        ValueError: an archive's name does not say for which platform it is.
    """
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "wfreport"},
        "spec": {
            "version": version,
            "homepage": home,
            "shortDescription": "Tell why an Argo Workflow failed",
            "description": _DESCRIPTION,
            "platforms": [_platform(archive, downloads) for archive in sorted(archives)],
        },
    }


def _platform(archive: Path, downloads: str) -> dict[str, Any]:
    named = _ARCHIVE.fullmatch(archive.name)
    if not named:
        raise ValueError(f"{archive.name}: must be named kubectl-wfreport-OS-ARCH.tar.gz, e.g. linux-amd64")
    return {
        "selector": {"matchLabels": named.groupdict()},
        "uri": f"{downloads.rstrip('/')}/{archive.name}",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "bin": "kubectl-wfreport/kubectl-wfreport",
        "files": [{"from": "*", "to": "."}],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the manifest. Returns 0, or 2 with one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m release.krew", description="Write the Krew manifest of a release.")
    parser.add_argument("--version", required=True, help="with a leading v, e.g. v1.2.3")
    parser.add_argument("--home", required=True, help="address of the project")
    parser.add_argument("--downloads", required=True, help="address under which the archives are published")
    parser.add_argument("archive", nargs="+", type=Path, help="kubectl-wfreport-OS-ARCH.tar.gz")
    options = parser.parse_args(arguments)
    try:
        made = manifest(options.version, options.home, options.downloads, options.archive)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"release.krew: {error}\n")
        return 2
    sys.stdout.write(yaml.safe_dump(made, sort_keys=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
