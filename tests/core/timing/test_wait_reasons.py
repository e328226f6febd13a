"""The reasons of waits and warnings are documented, and no others."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from wfreport.api.reasons import ORDINARY_WAITS
from wfreport.api.report import Waiting
from wfreport.api.wait_reasons import WAIT_MEANINGS, WARNING_MEANINGS
from wfreport.core.compare.late import SLOW
from wfreport.core.render import warnings
from wfreport.core.render.sentences import waiting_phrase
from wfreport.core.render.stall import HUNG
from wfreport.core.timing import waiting
from wfreport.core.timing.hung_pods import HUNG_REASONS

OF_KUBERNETES = {
    "Unschedulable", "SchedulingGated", "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "CrashLoopBackOff",
    "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
}  # fmt: skip


def words_of(module: object) -> set[str]:
    """Return the literals of a module that are words as reasons are."""
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in texts if re.fullmatch(r"[A-Z]\w*[a-z]\w*", text)}


def test_the_reasons_of_waits_are_documented() -> None:
    own = words_of(waiting) - OF_KUBERNETES - {"Running", "Stop"}
    assert own | HUNG_REASONS | ORDINARY_WAITS == set(WAIT_MEANINGS)


def test_the_reasons_of_warnings_are_documented() -> None:
    assert words_of(warnings) - {"Failed", "True"} | {HUNG, SLOW} == set(WARNING_MEANINGS)


@pytest.mark.parametrize("reason", WAIT_MEANINGS)
def test_every_reason_of_a_wait_has_a_phrase(reason: str) -> None:
    assert f"({reason})" not in waiting_phrase(Waiting(reason=reason))
