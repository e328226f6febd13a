"""Faults of the API server, of etcd, and of the operator's credentials and rights, each on its own control plane."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.faults.experiment import Table, undergo
from tests.faults.process_faults import paused
from tests.faults.world import World, world_of
from tests.live.operator import harness

from controlplane import ControlPlane
from controlplane.errors import ApiError
from faults.etcd import Etcd

pytestmark = pytest.mark.cluster
BINDING = f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{harness.USER}"
BINDINGS = BINDING.rpartition("/")[0]


def test_restarts_of_the_api_server(tmp_path: Path, table: Table) -> None:
    with harness.audited_plane() as plane, world_of(plane, tmp_path, "restart") as world:

        def fault() -> AbstractContextManager[None]:
            for _ in range(2):
                plane.restart_apiserver()
                world.run_for(3)
            return nullcontext()

        table.rows.append(undergo(world, "the API server is killed and restarted, twice", fault, seconds=1))


def test_a_compaction_while_watches_are_behind(tmp_path: Path, table: Table) -> None:
    with harness.audited_plane() as plane, world_of(plane, tmp_path, "compact") as world:
        etcd = Etcd(plane.etcd_url)

        @contextmanager
        def fault() -> Iterator[None]:
            with paused(world):
                world.run_for(5)
                etcd.compact()
                plane.restart_apiserver()
                yield

        name = "etcd is compacted and the API server restarted while the operator is paused for 8 s"
        table.rows.append(undergo(world, name, fault, seconds=3))
        etcd.close()


def test_etcd_without_space(tmp_path: Path, table: Table) -> None:
    with harness.audited_plane("--quota-backend-bytes=25165824") as plane, world_of(plane, tmp_path, "space") as world:
        etcd = Etcd(plane.etcd_url)
        filling = plane.create_namespace("filling")

        @contextmanager
        def fault() -> Iterator[None]:
            fill(plane, filling)
            assert "NOSPACE" in etcd.alarms()
            yield
            empty(plane, filling, etcd)

        name = "etcd has no space left (alarm NOSPACE) for 10 s, then compaction, defragmentation, disarm"
        table.rows.append(undergo(world, name, fault, seconds=10))
        etcd.close()


def test_a_new_authority_of_the_api_servers_certificate(tmp_path: Path, table: Table) -> None:
    """First the clients trust both authorities, then the server changes its certificate, then connections end."""
    with harness.audited_plane() as plane, world_of(plane, tmp_path, "authority") as world:
        trusted = tmp_path / "ca.crt"
        trusted.write_bytes(plane.ca.read_bytes())
        use_kubeconfig(world, cluster={"server": plane.server, "certificate-authority": str(trusted)})

        @contextmanager
        def fault() -> Iterator[None]:
            before = plane.ca.read_bytes()
            plane.rotate_authority()
            trusted.write_bytes(before + plane.ca.read_bytes())
            plane.restart_apiserver()
            yield

        name = "the API server's certificate has a new authority; the operator's CA file has both"
        table.rows.append(undergo(world, name, fault, seconds=5))


def test_a_rotated_token(tmp_path: Path, table: Table) -> None:
    with harness.audited_plane() as plane, world_of(plane, tmp_path, "token") as world:
        account = ServiceAccountOf(plane, world)
        token = tmp_path / "token"
        token.write_text(account.issue())
        use_kubeconfig(world, user={"tokenFile": str(token)})

        def fault() -> AbstractContextManager[None]:
            for _ in range(2):
                world.run_for(3)
                old, new = account.secret, account.issue()
                token.write_text(new)
                account.revoke(old)
            return nullcontext()

        name = "the token file gets a new token and the old token is revoked, twice"
        table.rows.append(undergo(world, name, fault, seconds=15))


def test_revoked_rights(tmp_path: Path, table: Table) -> None:
    with harness.audited_plane() as plane, world_of(plane, tmp_path, "rights") as world:

        @contextmanager
        def fault() -> Iterator[None]:
            binding = plane.api.get(BINDING)
            plane.api.delete(BINDING)
            yield
            del binding["metadata"]["resourceVersion"], binding["metadata"]["uid"]
            plane.api.post(BINDINGS, binding)

        name = "the operator's ClusterRoleBinding is deleted for 15 s"
        table.rows.append(undergo(world, name, fault, seconds=15))


def fill(plane: ControlPlane, namespace: str) -> None:
    """Write ConfigMaps until etcd refuses them."""
    content = {"data": {"filling": "x" * 900_000}}
    for n in itertools.count():
        try:
            plane.api.post(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": f"m-{n}"}, **content})
        except ApiError:
            return


def empty(plane: ControlPlane, namespace: str, etcd: Etcd) -> None:
    """Make space as an administrator does: etcd deletes during the alarm, too."""
    plane.api.delete(f"/api/v1/namespaces/{namespace}/configmaps")
    etcd.free_space()


class ServiceAccountOf:
    """A ServiceAccount with the operator's rights, and tokens that can be revoked.

    Attributes:
        secret: the Secret to which the last token is bound.
    """

    def __init__(self, plane: ControlPlane, world: World) -> None:
        self._plane = plane
        self._namespace = world.clusters[0].namespace
        self._serial = itertools.count()
        self.secret = ""
        self._path = f"/api/v1/namespaces/{self._namespace}"
        plane.api.post(f"{self._path}/serviceaccounts", {"metadata": {"name": "operator"}})
        subject = {"kind": "ServiceAccount", "name": "operator", "namespace": self._namespace}
        self._give(BINDING, subject)
        for cluster in world.clusters:
            at = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{cluster.namespace}/rolebindings/remediation"
            self._give(at, subject)

    def _give(self, path: str, subject: dict[str, str]) -> None:
        binding = self._plane.api.get(path)
        self._plane.api.put(path, binding | {"subjects": [*binding["subjects"], subject]})

    def issue(self) -> str:
        """Return a new token, bound to a new Secret."""
        self.secret = f"token-{next(self._serial)}"
        secret = self._plane.api.post(f"{self._path}/secrets", {"metadata": {"name": self.secret}})
        bound = {"kind": "Secret", "apiVersion": "v1", "name": self.secret, "uid": secret["metadata"]["uid"]}
        answer = self._plane.api.post(
            f"{self._path}/serviceaccounts/operator/token", {"spec": {"boundObjectRef": bound}}
        )
        return str(answer["status"]["token"])

    def revoke(self, secret: str) -> None:
        """Make the token of a Secret invalid, and wait until the API server refuses it."""
        self._plane.api.delete(f"{self._path}/secrets/{secret}")


def use_kubeconfig(world: World, *, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> None:
    """Give the operator a kubeconfig of its own, whose files change."""
    home = world.clusters[0]
    content = yaml.safe_load(home.plane.kubeconfig_for(harness.USER).read_text())
    if cluster:
        content["clusters"][0]["cluster"] = cluster
    if user:
        content["users"][0]["user"] = user
    home.kubeconfig = home.folder / "rotating.kubeconfig"
    home.kubeconfig.write_text(yaml.safe_dump(content))
