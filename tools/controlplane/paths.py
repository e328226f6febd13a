"""Where things lie: the repository, the cache of built programs, Argo's folder."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE_DIR = Path(__file__).resolve().parent
REPO_ROOT = PACKAGE_DIR.parent.parent
MODULES_DIR = PACKAGE_DIR / "modules"
STAGES_DIR = PACKAGE_DIR / "stages"
OWN_WORKFLOW_CRDS_DIR = PACKAGE_DIR / "crds"
WFREPORT_CRDS_DIR = REPO_ROOT / "crds"


def cache_dir() -> Path:
    """The folder that outlives a checkout: `$WFREPORT_CACHE_DIR`, else `~/.cache/wfreport`."""
    named = os.environ.get("WFREPORT_CACHE_DIR")
    if named:
        return Path(named).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().resolve() / "wfreport"
