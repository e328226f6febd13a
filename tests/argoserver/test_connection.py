"""TLS both ways, with files that are replaced while the operator runs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.argoserver.fake_server import NOW, Watcher

from controlplane.certs import Pki, create_pki
from wfreport.argoserver.client import ArgoServer, RetryPolicy
from wfreport.argoserver.connection import ServerConnection, TlsConfig
from wfreport.argoserver.errors import ServerUnreachableError
from wfreport.argoserver.tokens import NoToken
from wfreport.argoserver.version import fetch_version

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{"version":"v4.1.2"}'


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return create_pki(tmp_path / "pki")


def self_signed(path: Path) -> Path:
    """Write a self-signed certificate and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wfreport")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@asynccontextmanager
async def serving(pki: Pki, *, clients: Path | None = None) -> AsyncIterator[str]:
    """Serve one response; ``clients``: require a certificate of this authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients)
    context.load_cert_chain(pki.server_certificate, pki.server_key)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def argo_server(url: str, tls: TlsConfig) -> ArgoServer:
    return ArgoServer(
        ServerConnection(url, tls, NoToken()),
        observer=Watcher(),
        clock=lambda: NOW,
        retry_policy=RetryPolicy(max_attempts=1),
    )


async def test_a_client_certificate_is_sent(pki: Pki, tmp_path: Path) -> None:
    mine = self_signed(tmp_path / "mine.pem")
    async with serving(pki, clients=mine) as url:
        async with argo_server(url, TlsConfig(pki.ca, certificate_file=mine)) as server:
            assert await fetch_version(server) == "v4.1.2"
        async with argo_server(url, TlsConfig(pki.ca)) as server:
            with pytest.raises(ServerUnreachableError):
                await fetch_version(server)


async def test_a_replaced_authority_takes_effect_without_a_restart(pki: Pki, tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_bytes(self_signed(tmp_path / "other.pem").read_bytes())
    async with serving(pki) as url, argo_server(url, TlsConfig(ca)) as server:
        with pytest.raises(ServerUnreachableError, match="certificate verify failed"):
            await fetch_version(server)
        ca.write_bytes(pki.ca.read_bytes())
        assert await fetch_version(server) == "v4.1.2"


async def test_a_missing_or_invalid_certificate_file_is_named(tmp_path: Path) -> None:
    for content in (None, b"no certificate"):
        ca = tmp_path / "absent.crt"
        if content:
            ca.write_bytes(content)
        async with argo_server("https://127.0.0.1:1", TlsConfig(ca)) as server:
            with pytest.raises(ServerUnreachableError, match=r"absent\.crt"):
                await fetch_version(server)
