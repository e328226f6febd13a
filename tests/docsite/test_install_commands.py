"""The commands that install, upgrade and remove run as they are printed, one page after the other, on a new cluster."""

from __future__ import annotations

import enum
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from tests.docsite.desk import Desk
from tests.docsite.who_runs import INSTALL, first_shown_on, pages_of
from tests.pages import ROOT, yaml_blocks

from controlplane import ApiError, ControlPlane
from controlplane.foreign_crds import ARGO_CD, foreign_crds

pytestmark = pytest.mark.cluster

SYSTEM: Final = "wfreport-system"
NAMESPACE: Final = f"/api/v1/namespaces/{SYSTEM}"
DEPLOYMENT: Final = f"/apis/apps/v1/namespaces/{SYSTEM}/deployments/wfreport"
OVERLAY: Final = "manifests/overlays/default"


@pytest.fixture(scope="module")
def fresh() -> Iterator[ControlPlane]:
    """A cluster with Argo's kinds and nothing of ours. No controllers run."""
    with ControlPlane(own_kinds=False) as plane:
        plane.install_crds(foreign_crds(ARGO_CD))
        yield plane


@pytest.fixture(scope="module")
def cluster(fresh: ControlPlane) -> Cluster:
    return Cluster(fresh)


@pytest.fixture
def desk(fresh: ControlPlane, tmp_path: Path) -> Desk:
    """A checkout, and beside it the reader's own kustomization of the page about kustomize."""
    (tmp_path / "wfreport").symlink_to(ROOT)
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("crds", "manifests", "charts", "gitops"):
        (folder / name).symlink_to(ROOT / name)
    own, *_ = (block.text for block in yaml_blocks() if block.page == "docs/howto/kustomize.md")
    # kustomize resolves links: the folder is not beside the checkout
    (folder / "kustomization.yaml").write_text(own.replace("../wfreport", os.path.relpath(ROOT, folder.resolve())))
    return Desk(fresh, "default", folder)


class State(enum.Enum):
    """What of wfreport a cluster has."""

    NOTHING = enum.auto()
    KINDS = enum.auto()
    BY_KUSTOMIZE = enum.auto()
    BY_KUSTOMIZE_WITHOUT_DEPLOYMENT = enum.auto()
    BY_HELM = enum.auto()
    REMAINS = enum.auto()


ON: Final = (
    (r"helm install .*--take-ownership", (State.KINDS, State.BY_KUSTOMIZE_WITHOUT_DEPLOYMENT)),
    (r"helm install ", (State.NOTHING,)),
    (r"helm uninstall ", (State.BY_HELM,)),
    (r"kubectl .*delete deployment|kubectl delete -k manifests", (State.BY_KUSTOMIZE,)),
    (r"kubectl delete -k crds", (State.REMAINS, State.BY_KUSTOMIZE)),
    (r"kubectl apply .*-k", (State.NOTHING, State.KINDS, State.BY_KUSTOMIZE)),
    (r"kubectl .*(rollout status|scale|label namespace)", (State.BY_KUSTOMIZE, State.BY_HELM)),
)
"""The states on which a reader enters a command. Pages describe one way after the other."""

AFTER: Final = (
    (r"helm install ", State.BY_HELM),
    (r"helm uninstall |kubectl delete -k", State.REMAINS),
    (r"kubectl .*delete deployment", State.BY_KUSTOMIZE_WITHOUT_DEPLOYMENT),
    (r"kubectl apply .*-k (\.|manifests)", State.BY_KUSTOMIZE),
)


class Cluster:
    """The cluster and its state; and what controllers would do in it, since none runs."""

    def __init__(self, plane: ControlPlane) -> None:
        self.api = plane.api
        self.state = State.NOTHING

    def bring_into(self, states: tuple[State, ...], desk: Desk) -> None:
        """Remove and install until a command can be entered."""
        if self.state in states:
            return
        if self.state in {State.BY_HELM, State.REMAINS}:
            desk.run(f"helm uninstall wfreport -n {SYSTEM} --ignore-not-found")
        if self.state is not State.NOTHING:
            with self.ending_namespaces():
                desk.run(f"kubectl delete --ignore-not-found -k {OVERLAY}")
        if states[0] is State.KINDS:
            desk.run("kubectl apply --server-side -k crds")
        if states[0] is State.BY_KUSTOMIZE:
            desk.run(f"kubectl apply --server-side -k {OVERLAY}")
        if states[0] is State.BY_HELM:
            desk.run(f"helm install wfreport charts/wfreport -n {SYSTEM} --create-namespace")
        self.state = states[0]

    def roll_out(self) -> None:
        """Report replicas that are ready."""
        generation = self.api.get(DEPLOYMENT)["metadata"]["generation"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 2)
        self.api.patch(f"{DEPLOYMENT}/status", {"status": {"observedGeneration": generation, **counts}})

    @contextmanager
    def ending_namespaces(self) -> Iterator[None]:
        """Finalize the operator's namespace as soon as somebody deletes it, until the block ends."""
        over = threading.Event()
        thread = threading.Thread(target=self._finalize, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _finalize(self, over: threading.Event) -> None:
        while not over.wait(0.1):
            with suppress(ApiError):
                found = self.api.get(NAMESPACE)
                if "deletionTimestamp" in found["metadata"]:
                    self.api.put(f"{NAMESPACE}/finalize", found | {"spec": {"finalizers": []}})


def enter(desk: Desk, cluster: Cluster, text: str) -> None:
    """Enter a command in the state of the cluster that it is meant for."""
    for states in [states for pattern, states in ON if re.match(pattern, text)][:1]:
        cluster.bring_into(states, desk)
    if "-n argocd get applications" in text:
        desk.run("kubectl create namespace argocd && kubectl apply --server-side -f gitops/argocd/applications.yaml")
    if "rollout status" in text:
        cluster.roll_out()
    with cluster.ending_namespaces():
        desk.enter(text)
    cluster.state = next((state for pattern, state in AFTER if re.match(pattern, text)), cluster.state)


@pytest.mark.parametrize("page", pages_of(*INSTALL))
def test_each_command_of_the_page_succeeds(desk: Desk, cluster: Cluster, page: str) -> None:
    for text in first_shown_on(page, *INSTALL):
        enter(desk, cluster, text)
    if page == "docs/howto/remove.md":
        names = desk.run("kubectl get crd,clusterrole,clusterrolebinding,namespace -o name").split()
        assert [name for name in names if "wfreport" in name] == []
