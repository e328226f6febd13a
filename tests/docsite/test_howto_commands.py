"""The commands of pages run as they are printed, on a real API server with the objects that they name."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.docsite.desk import DIGITS, RUN, Desk
from tests.docsite.who_runs import HOWTO, commands_of, first_shown_on, pages_of
from tests.pages import ROOT

from controlplane import ControlPlane

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("installed")]

REPORT: Final = f"{RUN}-{DIGITS}"
SYSTEM: Final = "wfreport-system"


@pytest.fixture(scope="module")
def installed(plane: ControlPlane) -> None:
    """Apply what the page about kustomize applies; no operator runs."""
    plane.kubectl("apply", "--server-side", "-k", ROOT / "manifests" / "overlays" / "default")


def prepare(desk: Desk, command: str) -> None:
    """Do what has happened in the reader's cluster before the command: not every page is about that."""
    if re.search(rf"wfreport (approve|deny|remediations {RUN})", command):
        desk.propose()
    if "annotate lease" in command:
        desk.run(
            "kubectl create namespace argo --dry-run=client -o yaml | kubectl apply -f -; kubectl apply -f - <<EOF\n"
            "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: wfreport, namespace: argo}}\nEOF"
        )
    if "create secret generic argo-server-ca" in command:
        desk.run(f"kubectl -n {SYSTEM} delete secret argo-server-ca --ignore-not-found")
    if command.startswith("ln -s"):
        desk.run("mkdir -p .local/bin .local/share/wfreport")
        (desk.folder / ".local/share/wfreport/bin").symlink_to(Path(sys.prefix) / "bin")
    if "describe $(" in command:
        desk.put_pods(command.partition("pods ")[2].split()[0])


@pytest.mark.parametrize("page", pages_of(HOWTO))
def test_each_command_of_the_page_succeeds(plane: ControlPlane, namespace: str, tmp_path: Path, page: str) -> None:
    desk = Desk(plane, namespace, tmp_path)
    desk.furnish(page)
    for text in first_shown_on(page, HOWTO):
        prepare(desk, text)
        desk.enter(text)
        if "describe $(" in text:
            desk.delete_pods()


def test_what_the_commands_show_is_what_the_pages_promise(plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    desk = Desk(plane, namespace, tmp_path)
    desk.furnish("docs/howto/evidence.md")
    texts = [command.text for command in commands_of(HOWTO)]
    classes, *_ = [text for text in texts if "uniq -c" in text]
    assert desk.enter(classes).split() == ["1", "OOMKilled"]
    evidence, *_ = [text for text in texts if "EvidenceComplete" in text]
    shown = desk.enter(evidence).split()
    assert shown[:2] == ["NAME", "EVIDENCE"]
    assert REPORT in shown
    assert REPORT not in desk.run("kubectl get wfr --field-selector status.failureClass=Evicted -o name")
