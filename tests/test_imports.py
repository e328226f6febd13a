"""What keeps the start short: packages that are left out, and patterns that are compiled late."""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

import wfreport
from wfreport.imports import lazy_pattern, submodules_of, without, without_authorities

OPERATOR = Path(wfreport.__file__).parents[1]


def test_a_pattern_is_compiled_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    real = re.compile

    def counting(pattern: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append(pattern)
        return real(pattern, flags)

    monkeypatch.setattr(re, "compile", counting)
    pattern = lazy_pattern("a(?P<rest>b+)", re.IGNORECASE)
    assert compiled == []
    assert [match["rest"] for match in pattern.finditer("xAB abb")] == ["B", "bb"]
    assert (pattern.pattern, bool(pattern.flags & re.IGNORECASE), pattern.sub("-", "abab")) == (
        "a(?P<rest>b+)", True, "--"
    )  # fmt: skip
    assert compiled == ["a(?P<rest>b+)"]


def test_a_late_pattern_looks_like_the_pattern_and_has_nothing_else() -> None:
    pattern = lazy_pattern("a+")
    assert repr(pattern) == "re.compile('a+')"
    with pytest.raises(AttributeError, match="scanner"):
        pattern.scanner  # type: ignore[attr-defined] # noqa: B018


def test_a_package_is_absent_only_inside_the_block() -> None:
    with without("no_such_package_of_ours"):
        assert "no_such_package_of_ours" in sys.modules
    assert "no_such_package_of_ours" not in sys.modules
    with without("re"):
        assert sys.modules["re"] is re


def test_a_context_made_in_the_block_trusts_nobody() -> None:
    with without_authorities():
        inside = ssl.create_default_context()
    assert inside.verify_mode is ssl.CERT_REQUIRED
    assert inside.cert_store_stats()["x509"] == 0
    assert ssl.create_default_context().cert_store_stats() == _system_authorities()


def test_the_operator_reads_no_certificate_authorities_when_it_is_imported() -> None:
    code = """
import ssl
real = ssl.SSLContext.load_default_certs
ssl.SSLContext.load_default_certs = lambda self, *given: (real(self, *given), made.append(self))
made = []
import wfreport.app
print([context.cert_store_stats()["x509"] for context in made])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0]"


def _system_authorities() -> dict[str, int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    return context.cert_store_stats()


def test_submodules_are_imported_without_their_package() -> None:
    script = """
import sys
from pathlib import Path
from wfreport.imports import submodules_of
with submodules_of("email"):
    import email.charset
    assert not hasattr(sys.modules["email"], "message_from_string")
assert "email" not in sys.modules and "email.charset" in sys.modules
import email
assert email.message_from_string
with submodules_of("email"):
    assert sys.modules["email"] is email
"""
    subprocess.run([sys.executable, "-S", "-c", script], check=True, env={"PYTHONPATH": str(OPERATOR)})


def test_submodules_of_a_package_that_does_not_exist_are_refused() -> None:
    with pytest.raises(ModuleNotFoundError, match="no package wfreport_nowhere"), submodules_of("wfreport_nowhere"):
        pass


def test_a_package_is_unavailable_only_inside_the_block() -> None:
    script = """
import sys
from wfreport.imports import unavailable
with unavailable("typing_extensions", "re"):
    import re
    try:
        import typing_extensions
    except ImportError:
        print("unavailable")
import typing_extensions
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(OPERATOR)}
    )
    assert done.stdout == "unavailable\n"


def test_commands_import_msgspec_without_typing_extensions() -> None:
    script = "import sys; import wfreport.cli.commands.show; print('typing_extensions' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(OPERATOR)}
    )
    assert done.stdout == "False\n"
