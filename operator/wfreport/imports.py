"""Imports of packages without parts of them that we never call.

Two dependencies import a large package at their own import, for functions that wfreport does not use: kopf imports the
clients of Kubernetes whose objects it accepts, and detect-secrets imports requests, to check secrets at their issuer.
Together they would be a third of the CPU time of the operator's start.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Put empty modules in the place of packages while the block imports others that want them.

    Packages that are imported already stay as they are.
    """
    absent = [name for name in packages if name not in sys.modules]
    sys.modules.update({name: ModuleType(name) for name in absent})
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
