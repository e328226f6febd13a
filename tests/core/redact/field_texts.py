"""Texts of the tools that Workflows run: cloud command lines, package managers, registries, drivers of databases."""

from __future__ import annotations

import json

from tests.core.redact.secret_texts import KEY_LINES, UUID, capitals, encoded, hexadecimal, letters

_WORD = "Vq7" + "$mLpZ-41x"
_BASIC = encoded("deployer:" + _WORD)
_JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ." + encoded('{"sub":"system:serviceaccount:etl"}').strip("=") + "."
_PEM = "-----BEGIN " + "EC PRIVATE KEY-----"
_END = "-----END " + "EC PRIVATE KEY-----"
_SSH = "-----BEGIN OPENSSH " + "PRIVATE KEY-----"
_SSH_END = "-----END OPENSSH " + "PRIVATE KEY-----"


def _split(text: str, by: str) -> str:
    """Return the text with something invisible after every fourth character."""
    return by.join(text[start : start + 4] for start in range(0, len(text), 4))


SECRETS: list[tuple[str, str]] = [
    ("aws_access_key_id = " + "AKIA" + capitals(16) + "\naws_secret_access_key = " + letters(40), letters(40)),
    ('"SecretAccessKey": "' + letters(40) + '", "SessionToken": "' + letters(120) + '"', letters(120)),
    ("env AWS_SESSION_TOKEN=" + letters(180) + " aws s3 cp x s3://y", letters(180)),
    ("x-amz-security-token: " + letters(160), letters(160)),
    ("GET https://b.s3.amazonaws.com/k?X-Amz-Credential=x&X-Amz-Signature=" + hexadecimal(64), hexadecimal(64)),
    (
        "PUT https://acct.blob.core.windows.net/c/f?sv=2022-11-02&sp=rw&sig=" + letters(42) + "%3D returned 403",
        letters(42),
    ),
    (
        "BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=2022&sig=" + letters(43) + "%3D",
        letters(43),
    ),
    ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + letters(86) + "==;EndpointSuffix=x", letters(86)),
    (
        json.dumps({"type": "service_account", "private_key": "\n".join((_PEM, *KEY_LINES, _END)), "client_id": "1"}),
        KEY_LINES[3],
    ),
    ("gcloud auth print-access-token\nya29." + letters(120), letters(120)),
    ("GOOGLE_API_KEY AIza" + letters(35) + " is not allowed to use this API", letters(35)),
    ("refresh_token: 1//0" + letters(60), letters(60)),
    ("Authorization header was 'Bearer " + _JWT + letters(86) + "'", letters(86)),
    ("kubectl --token " + _JWT + letters(86) + " get pods", letters(86)),
    ("invalid bearer token " + _JWT + letters(86) + ": expired", letters(86)),
    ("fatal: unable to access 'https://oauth2:" + _WORD + "@gitlab.corp/team/repo.git/': 403", _WORD),
    ("pip install --index-url https://ci:" + _WORD + "@nexus.corp/simple pkg", _WORD),
    ("amqps://etl:" + _WORD + "@rabbit-0:5671/%2F refused", _WORD),
    ('sqlalchemy.create_engine("postgresql+psycopg2://etl:' + _WORD + '@pg-rw:5432/dwh")', _WORD),
    ("Server=tcp:sql,1433;Database=dwh;User ID=etl;Password=" + _WORD + ";Encrypt=True;", _WORD),
    ("redis-cli -h cache -a " + _WORD + " PING", _WORD),
    ("host=pg port=5432 user=etl password=" + _WORD + " sslmode=require", _WORD),
    ("PGPASSWORD='" + _WORD + "' pg_dump dwh", _WORD),
    ("> Authorization: Basic " + _BASIC, _BASIC),
    ("proxy-authorization: basic " + _BASIC, _BASIC),
    ("//registry.npmjs.org/:_authToken=npm_" + letters(36), letters(36)),
    ("npm ERR! //npm.corp/:_auth=" + _BASIC, _BASIC),
    ("twine upload -u __token__ -p pypi-AgEIcHlwaS5vcmc" + letters(120) + " dist/*", letters(120)),
    ("[pypi]\nusername = __token__\npassword = pypi-AgEIcHlwaS5vcmc" + letters(100), letters(100)),
    ("slack api: xoxb-" + "123456789012-1234567890123-" + letters(24) + " not_authed", letters(24)),
    ("git clone https://x-access-token:ghs_" + letters(36) + "@github.com/a/b", letters(36)),
    ("::add-mask::github_pat_" + letters(22) + "_" + letters(59), letters(59)),
    ("CI_JOB_TOKEN glcbt-64_" + letters(20) + " rejected", letters(20)),
    ("remote: HTTP Basic: Access denied. token glpat-" + letters(20), letters(20)),
    (json.dumps({"auths": {"ghcr.io": {"username": "deployer", "auth": _BASIC}}}), _BASIC),
    (".dockerconfigjson: " + encoded(json.dumps({"auths": {"quay.io": {"auth": _BASIC}}})), encoded('{"auths": {"q')),
    ("users:\n- name: admin\n  user:\n    client-key-data: " + letters(400), letters(400)),
    ("- name: ci\n  user:\n    token: " + _JWT + letters(86), letters(86)),
    ("machine nexus.corp\n  login deployer\n  password " + _WORD, _WORD),
    ("identitytoken" + '": "' + letters(60) + '"', letters(60)),
    ("\n".join(("\x1b[32m" + line + "\x1b[0m") for line in (_PEM, *KEY_LINES, _END)), KEY_LINES[2]),
    (_split("\n".join((_SSH, *KEY_LINES, _SSH_END)), "\u200b"), KEY_LINES[2]),
    ("\n".join(_split(line, "\x1b[0m") for line in (_PEM, *KEY_LINES, _END)), KEY_LINES[1]),
    ("password: " + _split(_WORD, "\u200d"), _WORD),
    ("glpat-" + _split(letters(20), "\u2060"), letters(20)),
    ("ARM_CLIENT_SECRET=xyz8Q~" + letters(34), letters(34)),
    ("vault write auth/approle/login role_id=" + UUID + " secret_id=" + UUID[::-1], UUID[::-1]),
    ("rclone: pass = " + letters(32), letters(32)),
    ("restic -r s3:x --password-command 'echo " + _WORD + "'", _WORD),
    ("ftp://deployer:" + _WORD + "@files.corp/in", _WORD),
]
"""Each text, with the secret in it; what is invisible does not count as a part of the secret."""

HARMLESS: list[str] = [
    "sha256:" + hexadecimal(64),
    "Digest: sha512-" + letters(86) + "==",
    "Status: Downloaded newer image for ghcr.io/acme/etl@sha256:" + hexadecimal(64),
    "quay.io/argoproj/argoexec:v3.7.3-" + hexadecimal(8),
    "registry.corp:5000/team/token-exchange:2026.11.22-" + hexadecimal(7),
    "commit " + hexadecimal(40) + "\nAuthor: A <a@example.com>",
    "trace_id=" + hexadecimal(32) + " span_id=" + hexadecimal(16),
    "X-Request-Id: " + UUID,
    "requestID: " + UUID + ", api error NoSuchKey: The specified key does not exist.",
    "operation error S3: GetObject, https response error StatusCode: 404, RequestID: " + capitals(16),
    "HostID: " + letters(56) + "=, api error AccessDenied: Access Denied",
    'etag: "' + hexadecimal(32) + '-5"',
    "uid: " + UUID + " resourceVersion: 183729164",
    "daily-etl-x7k2p-2914827364",
    'pods "daily-etl-x7k2p-2914827364" is forbidden: exceeded quota: compute',
    "etl-db-credentials-rotator-28734960-8wz5m   0/1   Completed",
    'secrets "regcred" not found',
    'MountVolume.SetUp failed for volume "api-token" : secret "etl-api-token" not found',
    "Error: couldn't find key password in Secret etl/db-credentials",
    'serviceaccounts "token-reader" not found',
    'error: error loading config file "/root/.kube/config": yaml: line 3: mapping values are not allowed',
    "Unable to connect to the server: x509: certificate has expired or is not yet valid",
    "open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory",
    "/etc/ssl/private/server.key: Permission denied",
    "s3://etl-prod/tokens/year=2026/month=11/part-00000-" + UUID + ".snappy.parquet",
    "/srv/app/.cache/pip/wheels/3f/9c/1b/" + hexadecimal(56),
    'File "/app/auth/token.py", line 41, in refresh_token\n  raise TokenError(f"no token for {user}")',
    (
        "at com.acme.security.PasswordEncoder.encode(PasswordEncoder.java:88)\n"
        "at com.acme.auth.TokenService.lambda$refresh$3(TokenService.java:142)"
    ),
    "goroutine 31 [select]:\nmain.(*keyStore).watch(0xc000124000, {0x1c2a3e0, 0xc00011c000})\n\t/src/keys:77 +0x1d5",
    "Caused by: javax.crypto.BadPaddingException: Given final block not properly padded",
    "NextContinuationToken is set; reading page 4 of 9",
    "next_page_token: " + encoded("offset=2000"),
    "kafka: partition 7, key=order-20261122-000017, offset=918273645",
    "Primary key: (tenant_id, order_id)",
    "password_encryption = scram-sha-256",
    "max_tokens=4096 temperature=0.2 stop_token=None",
    "tokenizer.model: 100%|##########| 4.24M/4.24M [00:00<00:00, 9.1MB/s]",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + letters(43) + " deploy@ci",
    "SHA256:" + letters(43) + " deploy@ci (ED25519)",
    "Added 3 credentials to the keyring at /root/.config/keyring",
    "https://console.corp/workflows/etl/daily-x7k2p?tab=workflow&nodeId=daily-x7k2p-2914827364",
    "jdbc:postgresql://pg-rw.db.svc:5432/dwh?ssl=true&user=etl",
    "terraform: aws_iam_access_key.etl: Refreshing state... [id=etl-key]",
    "helm upgrade etl ./chart --set auth.existingSecret=etl-auth --wait",
    "model checkpoint step=12000 loss=0.0173 lr=3e-05 tokens/s=51234",
    "signature mismatch: expected 3 arguments, got 2",
    "session 4f2a closed after 300s: idle",
    "base64: invalid input\ndata=" + encoded("hello world, this is only a text"),
]
