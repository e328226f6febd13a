"""Locations: the repository, its folders, and the cache of built programs."""

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
    """Return the folder that survives a checkout: `$WFREPORT_CACHE_DIR`, else `~/.cache/wfreport`."""
    configured = os.environ.get("WFREPORT_CACHE_DIR")
    if configured:
        return Path(configured).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().resolve() / "wfreport"
