"""Keeps the start short: imports without parts that are never called, patterns that are compiled when they are used.

Two dependencies import a large package at their own import, for functions that wfreport does not use: kopf imports the
clients of Kubernetes whose objects it accepts, and detect-secrets imports requests, to check secrets at their issuer,
and its scanner, although its patterns alone are used. Together they would be a third of the CPU time of the operator's
start. aiohttp reads the system's certificate authorities twice at its import, for connections without a context of
their own. msgspec prefers two functions of typing_extensions to Python's own. The core has three hundred regular
expressions, most of which a command never uses; to compile them takes as long as to import all of the core.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final, cast

_PARTS: Final = (
    *("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split"),
    *("pattern", "flags", "groups", "groupindex"),
)


def lazy_pattern(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern that is compiled when it is used for the first time. Only its own methods accept it."""
    return cast("re.Pattern[str]", _LazyPattern(pattern, flags))


class _LazyPattern:
    def __init__(self, pattern: str, flags: int) -> None:
        self._arguments = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        if name not in _PARTS:
            raise AttributeError(name)
        compiled = re.compile(*self._arguments)
        # from now on these are found without a call of this method
        self.__dict__.update({part: getattr(compiled, part) for part in _PARTS})
        return self.__dict__[name]

    def __repr__(self) -> str:
        return repr(re.compile(*self._arguments))


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


@contextmanager
def unavailable(*packages: str) -> Iterator[None]:
    """Let packages appear as not installed while the block imports others that can do without them.

    Packages that are imported already stay as they are.
    """
    absent = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None stands for an import that fails
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


@contextmanager
def without_authorities() -> Iterator[None]:
    """Leave out the system's certificate authorities while the block imports what reads them.

    A context for TLS that is made in the block trusts nobody: a connection that uses it fails.
    """
    import ssl  # noqa: PLC0415  (half of the commands do not need it)

    name = "set_default_verify_paths"  # inherited from the class in C, so that the name is free here
    setattr(ssl.SSLContext, name, lambda _: None)
    try:
        yield
    finally:
        delattr(ssl.SSLContext, name)


@contextmanager
def submodules_of(package: str) -> Iterator[None]:
    """Let the block import submodules of a package without what the package itself imports.

    Afterwards the package can be imported as a whole.
    """
    if package in sys.modules:
        yield
        return
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"no package {package}", name=package)
    module = ModuleType(package)
    module.__path__ = list(spec.submodule_search_locations)
    sys.modules[package] = module
    try:
        yield
    finally:
        del sys.modules[package]
