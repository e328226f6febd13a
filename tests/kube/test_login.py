"""Kubeconfigs that are read without the kubernetes package are read as the package reads them."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples

from wfreport.kube.credentials import Credentials, NoCredentialsError, _read_by_package
from wfreport.kube.errors import UnauthorizedError
from wfreport.kube.login import Login, plain_login


def kubeconfig(folder: Path, *, cluster: Any = None, user: Any = None, context: Any = None) -> str:
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", **(context or {})}}, {"name": "d"}],
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": {} if user is None else user}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(body))
    return str(path)


def content(file: Path | bytes | None) -> bytes | None:
    return file.read_bytes() if isinstance(file, Path) else file


def comparable(login: Login) -> tuple[object, ...]:
    files = (login.authority, login.certificate, login.key)
    return (
        login.server.rstrip("/"),
        login.authorization(),
        *map(content, files),
        login.is_verified,
        login.server_name or None,
        login.proxy or None,
    )


DATA = base64.b64encode(b"some pem").decode()
CLUSTERS = st.fixed_dictionaries(
    {},
    optional={
        "server": st.sampled_from(("https://10.0.0.1:6443/", "http://127.0.0.1:8001", "https://[fd00::1]:6443")),
        "certificate-authority": st.just("ca.pem"),
        "certificate-authority-data": st.just(DATA),
        "insecure-skip-tls-verify": st.booleans(),
        "tls-server-name": st.sampled_from(("", "api.example")),
        "proxy-url": st.just("http://proxy:3128"),
    },
)
USERS = st.fixed_dictionaries(
    {},
    optional={
        "token": st.sampled_from(("t", "a token")),
        "tokenFile": st.just("token"),
        "username": st.just("u"),
        "password": st.just("p"),
        "client-certificate": st.just("crt.pem"),
        "client-certificate-data": st.just(DATA),
        "client-key": st.just("key.pem"),
        "client-key-data": st.just(DATA),
    },
)


@settings(max_examples=examples(200), deadline=None)
@given(cluster=CLUSTERS, user=USERS)
def test_a_plain_kubeconfig_is_read_as_the_package_reads_it(
    tmp_path_factory: pytest.TempPathFactory, cluster: dict[str, Any], user: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("kube")
    for name in ("ca.pem", "crt.pem", "key.pem", "token"):
        (folder / name).write_text(f"content of {name}")
    if str(cluster.get("server", "")).startswith("http:"):
        cluster = {key: value for key, value in cluster.items() if not key.startswith("certificate")}
        user = {key: value for key, value in user.items() if not key.startswith("client")}
    path = kubeconfig(folder, cluster=cluster, user=user)
    login = plain_login(path, None)
    assert login
    assert comparable(login) == comparable(_read_by_package(path, None))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("user", {"exec": {"command": "aws"}}),
        ("user", {"auth-provider": {"name": "oidc"}}),
        ("user", {"token": "t", "as": "somebody"}),
        ("user", {"tokenFile": "missing"}),
        ("user", {"client-certificate": "missing"}),
        ("user", ["odd"]),
        ("cluster", {"certificate-authority": "missing"}),
        ("context", {"user": "another"}),
        ("context", {"cluster": "another"}),
    ],
)
def test_everything_else_is_left_to_the_package(tmp_path: Path, part: str, value: Any) -> None:
    assert plain_login(kubeconfig(tmp_path, **{part: value}), None) is None


def test_an_unknown_context_and_several_files_are_left_to_the_package(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, user={"token": "t"})
    assert plain_login(path, None)
    assert plain_login(path, "unknown") is None
    assert plain_login(f"{path}:{path}", None) is None
    (tmp_path / "broken").write_text("{")
    assert plain_login(str(tmp_path / "broken"), None) is None


def test_the_namespace_is_that_of_the_context(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, user={"token": "t"}, context={"namespace": "team"})
    assert Credentials(kubeconfig=path).namespace() == "team"
    assert Credentials(kubeconfig=kubeconfig(tmp_path, user={"exec": {}})).namespace() == "default"


def test_a_token_file_that_rotates_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    credentials = Credentials(kubeconfig=kubeconfig(tmp_path, user={"tokenFile": "token"}))
    assert credentials.load().authorization == "Bearer one"
    (tmp_path / "token").write_text("two\n")
    assert credentials.authorization() == "Bearer two"
    (tmp_path / "token").unlink()
    with pytest.raises(UnauthorizedError, match="could not be renewed"):
        credentials.authorization()


def test_a_certificate_that_cannot_be_loaded_is_an_error_of_the_kubeconfig(tmp_path: Path) -> None:
    user = {"client-certificate-data": DATA, "client-key-data": DATA}
    with pytest.raises(NoCredentialsError, match="certificates cannot be loaded"):
        Credentials(kubeconfig=kubeconfig(tmp_path, user=user)).load()


def test_the_start_imports_neither_requests_nor_the_client_of_the_kubernetes_package(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, user={"token": "t"})
    script = f"""
import sys
import wfreport.app.application
from wfreport.kube.credentials import Credentials
Credentials(kubeconfig={path!r}).load()
print(*sorted({{"requests", "urllib3", "kubernetes", "google", "oauthlib"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("token", ["tökén", "a\x1bb", "a\nb", "a\u200bb"], ids=ascii)
def test_a_token_that_a_header_cannot_contain_is_refused_in_words(tmp_path: Path, token: str) -> None:
    (tmp_path / "token").write_text(token)
    for user in ({"token": token}, {"tokenFile": "token"}):
        with pytest.raises(UnauthorizedError, match="not printable ASCII") as caught:
            Credentials(kubeconfig=kubeconfig(tmp_path, user=user)).load()
        assert token not in str(caught.value)
