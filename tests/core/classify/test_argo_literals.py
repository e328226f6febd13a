"""Every text of Argo's source that can become the message of a failure has a class.

``argo_literals.json`` lists the texts by file, with the class of a node that has it as its message. No class: the text
is never a failure's own message, but that of a log, a metric, a wait, a group, or a node that did not run.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest
from tests.argo_literals import literals_of

from controlplane.argo_module import FOLDER, MODULE, module_dir
from controlplane.golang import find_go
from wfreport.api.argo import Node, NodeType
from wfreport.core.classify.rules import classify_failure
from wfreport.core.classify.symptom import Symptom
from wfreport.core.snapshot.messages import exit_code

SWEPT: Final = json.loads((Path(__file__).parent / "argo_literals.json").read_text())
TEXTS: Final[dict[str, dict[str, str]]] = SWEPT["texts"]

MESSAGES: Final = (
    ("workflow/validate/", "invalid spec: {}"),
    ("pkg/apis/workflow/v1alpha1/container_set_template", "invalid spec: {}"),
    ("pkg/apis/workflow/v1alpha1/validation_utils", "invalid spec: {}"),
    ("workflow/artifacts/", "init: Error (exit code 64): artifact a failed to load: {}"),
    ("workflow/executor/agent.go", "{}"),
    ("workflow/executor/resource.go", "main: Error (exit code 64): {}"),
    ("workflow/executor/data", "main: Error (exit code 64): {}"),
    ("workflow/data/", "main: Error (exit code 64): {}"),
    ("workflow/executor/", "wait: Error (exit code 64): {}"),
    ("cmd/argoexec/", "main: Error (exit code 64): {}"),
)
"""The form in which the texts of a folder reach a node. All others are the whole message."""

_SAMPLES: Final = {"d": "3", "q": '"x"', "t": "true"}
_VERB: Final = re.compile(r"%[-+#0-9.]*([a-zA-Z])")


def _message(text: str, file: str) -> str:
    form = next((form for start, form in MESSAGES if file.startswith(start)), "{}")
    unescaped = text.replace('\\"', '"').replace("\\n", "\n")
    return form.replace("{}", _VERB.sub(lambda verb: _SAMPLES.get(verb[1], "x"), unescaped).strip())


def _class_of(text: str, file: str) -> str:
    message = _message(text, file)
    node_type = NodeType.HTTP if file == "workflow/executor/agent.go" else NodeType.POD
    node = Node(id="n", name="wf.a", display_name="a", type=node_type, phase="Error", message=message)
    return classify_failure(Symptom(node, message, exit_code=exit_code(message, None))).failure_class


@pytest.mark.parametrize("file", TEXTS)
def test_every_text_of_argo_has_its_class(file: str) -> None:
    expected = {text: failure_class for text, failure_class in TEXTS[file].items() if failure_class}
    assert {text: _class_of(text, file) for text in expected} == expected


def test_the_texts_are_those_of_the_version_that_is_built() -> None:
    version = re.search(rf"{MODULE} (v\S+)", (FOLDER / "go.mod").read_text())
    assert version is not None
    assert SWEPT["module"] == f"{MODULE} {version[1]}"


@pytest.mark.cluster
def test_the_list_has_all_texts_of_argos_source() -> None:
    """If it fails after an update of Argo, give each new text its class, and remove those that are gone."""
    found = literals_of(module_dir(find_go()))
    listed = {text: file for file, texts in TEXTS.items() for text in texts}
    assert {"new": found.keys() - listed.keys(), "gone": listed.keys() - found.keys()} == {"new": set(), "gone": set()}
