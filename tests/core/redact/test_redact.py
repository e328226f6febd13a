"""Redaction removes all secrets and changes no other text.

The secrets are composed of parts, so that scanners of this repository do not report them.
"""

import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import batches, is_fast, steps
from tests.recorded import LARGEST, chosen_recordings

from wfreport.core.redact.printable import strip_invisible
from wfreport.core.redact.redactor import MASK, Redactor

ALPHABET = "aZ3bY8cX1dW6eV9fU2gT7hS4iR5jQ0kPlOmNnMoLpKqJrIsHtGuFvEwDxCyB"


def letters(length: int) -> str:
    return (ALPHABET * (length // len(ALPHABET) + 1))[:length]


def digits(length: int) -> str:
    return ("4839201756" * (length // 10 + 1))[:length]


HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
UPPER = "IOSFODNN7EXAMPLE"
PEM_LINE = letters(64)
PEM = "\n".join(["-----BEGIN RSA " + "PRIVATE KEY-----", *[PEM_LINE] * 4, "abCd==", "-----END RSA PRIVATE KEY-----"])
JWT = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + letters(43)

# Texts, and the secret in each that must be removed.
SECRETS: list[tuple[str, str]] = [
    ("using AKIA" + UPPER + " for s3", "AKIA" + UPPER),
    ("got " + b64encode(b"postgresql://etl:hunter2-correct@db/sales").decode(), "aHVudGVyMi1jb3JyZWN0"[4:16]),
    ("got " + b64encode(("ghp_" + letters(36)).encode()).decode(), b64encode(letters(30).encode()).decode()[8:24]),
    ("got " + urlsafe_b64encode(b"AWS_KEY=AKIA" + UPPER.encode() + b"???>>>").decode(), "SU9TRk9ETk43"[2:10]),
    ("temporary ASIA" + UPPER, "ASIA" + UPPER),
    ('aws_secret_key: "' + letters(40) + '"', letters(40)),
    ("aws secret access key '" + letters(40) + "'", letters(40)),
    ("AWS_SECRET_ACCESS_KEY=" + letters(40), letters(40)),
    ("export AWS_SECRET_ACCESS_KEY='" + letters(40) + "'", letters(40)),
    ("aws_session_token = " + letters(80), letters(80)),
    ("remote: ghp_" + letters(36), "ghp_" + letters(36)),
    ("ghs_" + letters(36), letters(36)),
    ("github_pat_" + letters(22) + "_" + letters(59), letters(22)),
    ("glpat-" + letters(20), letters(20)),
    ("glpat-" + letters(27) + ".01.0w1x2y3z4", "0w1x2y3z4"),
    ("GR1348941" + letters(20), letters(20)),
    ("xoxb-" + digits(12) + "-" + digits(12) + "-" + letters(24), letters(24)),
    ("https://hooks.slack.com/services/T" + letters(8) + "/B" + letters(8) + "/" + letters(24), letters(24)),
    ("sk_live_" + letters(24), letters(24)),
    ("rk_live_" + letters(40), letters(40)),
    ("AC" + HEX[:32], HEX[:32]),
    ("SK" + HEX[:32], HEX[:32]),
    ("SG." + letters(22) + "." + letters(43), letters(43)),
    ("npm_" + letters(36), letters(36)),
    ("//registry.npmjs.org/:_authToken=npm_" + letters(36), letters(36)),
    ("//npm.example.com/:_authToken=" + "3f9c1b8e-aaaa-bbbb-cccc-0123456789ab", "3f9c1b8e"),
    ("pypi-AgEIcHlwaS5vcmc" + letters(80), letters(80)),
    ("sk-" + letters(20) + "T3BlbkFJ" + letters(20), letters(20)),
    ("sk-proj-" + letters(48), letters(48)),
    ("sk-ant-api03-" + letters(90), letters(90)),
    ("M" + letters(23) + "." + letters(6) + "." + letters(27), letters(27)),
    (digits(9) + ":" + letters(35), letters(35)),
    (HEX[:32] + "-us12", HEX[:32]),
    ("sq0csp-" + letters(43), letters(43)),
    ("AIza" + letters(35), letters(35)),
    ("hvs." + letters(24), letters(24)),
    ("id " + JWT + " rejected", letters(43)),
    ("cookie=" + JWT, letters(43)),
    ("log\\n" + JWT, letters(43)),
    ("Key:\n" + PEM + "\ndone", PEM_LINE),
    (PEM[:200], PEM_LINE[:60]),
    (PEM[PEM.index("\n") + 1 :] + "\nnext", PEM_LINE),
    ('{"private_key": "' + PEM.replace("\n", "\\n") + '\\n"}', PEM_LINE),
    (PEM.replace("\n", "\\n")[40:], PEM_LINE[:50]),
    ("-----BEGIN PGP PRIVATE KEY " + "BLOCK-----\nVersion: 1\n\n" + PEM_LINE, PEM_LINE),
    ("PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\n" + PEM_LINE + "\nPrivate-MAC: " + HEX, PEM_LINE),
    ("postgres://user:hunter2@db:5432/x", "hunter2"),
    ("redis://:hunter2@cache", "hunter2"),
    ("mongodb+srv://u:p$s!w=rd@host", "p$s!w=rd"),
    ("git clone https://oauth2:hunter2@gitlab.example.com/x.git failed", "hunter2"),
    ("root:hunter2@tcp(127.0.0.1:3306)/db", "hunter2"),
    ("password=hunter2", "hunter2"),
    ("PGPASSWORD=hunter2 psql", "hunter2"),
    ("DB_PASS=hunter2", "hunter2"),
    ("host=db user=x password=hunter2 dbname=y", "hunter2"),
    ("Server=db;Uid=sa;Pwd=hunter2;Encrypt=true", "hunter2"),
    ("https://x/y?user=a&password=hunter2&z=1", "hunter2"),
    ('{"user": "x", "password": "hunter2", "a": 1}', "hunter2"),
    ('{"password":"hun\\"ter2"}', "ter2"),
    ('msg="{\\"password\\":\\"hunter2\\"}"', "hunter2"),
    ("{'apiKey': 'hunter2'}", "hunter2"),
    ('{"pin_password": 12345678}', "12345678"),
    ("password: hunter2", "hunter2"),
    ("  - db_password: 'hunter2'", "hunter2"),
    ("password: correcthorse", "correcthorse"),
    ("login failed with password: hunter2 for bob", "hunter2"),
    ("login with password:hunter2", "hunter2"),
    ("token: " + letters(24), letters(24)),
    ("INFO password: correcthorse", "correcthorse"),
    ("INFO clientSecret: hunter2 is set", "hunter2"),
    ("\n".join(f"03:00:00 key {line}" for line in PEM.splitlines()), PEM_LINE),
    ("\n".join(f"03:00:00 key {line}" for line in PEM.splitlines()[2:]), PEM_LINE),
    ("got token: " + letters(24) + " for bob", letters(24)),
    ("secret = hunter2", "hunter2"),
    ("client_secret=hunter2", "hunter2"),
    ("clientSecret: hunter2", "hunter2"),
    ("SECRET_KEY_BASE=hunter2", "hunter2"),
    ("passwd := hunter2", "hunter2"),
    ("api-key=hunter2", "hunter2"),
    ("x-api-key: hunter2", "hunter2"),
    ("-H 'X-Vault-Token: hunter2'", "hunter2"),
    ("access_key=hunter2", "hunter2"),
    ("private_key=hunter2", "hunter2"),
    ("DefaultEndpointsProtocol=https;AccountName=x;AccountKey=" + letters(86) + "==;EndpointSuffix=y", letters(86)),
    ("Endpoint=sb://x/;SharedAccessKeyName=root;SharedAccessKey=" + letters(43) + "=", letters(43)),
    ("https://x.blob.core.windows.net/c/b?sv=2022&sig=" + letters(40) + "%3D&se=1", letters(40)),
    ("https://b.s3.amazonaws.com/k?X-Amz-Signature=" + HEX + "&x=1", HEX),
    ("Authorization: Bearer " + letters(30), letters(30)),
    ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("{'Authorization': 'token hunter2'}", "hunter2"),
    ("Authorization: AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=" + HEX, HEX),
    ("Authorization: " + letters(30), letters(30)),
    ("sent Bearer " + letters(30), letters(30)),
    ("mysql --password hunter2 -h db", "hunter2"),
    ("mysql --password=hunter2 -h db", "hunter2"),
    ('tool --api-token "hunter2 x" go', "hunter2 x"),
    ('["--token", "hunter2"]', "hunter2"),
    ("curl -u bob:hunter2 https://x", "hunter2"),
    ('{"auths":{"r.io":{"auth":"Ym9iOmh1bnRlcjI="}}}', "Ym9iOmh1bnRlcjI="),
]

# Texts without secrets, which must not change.
PLAIN: list[str] = [
    "",
    "main: Error (exit code 1)",
    "main: OOMKilled (exit code 137)",
    'secret "db-password" not found',
    'configmap "token-config" not found',
    'CreateContainerConfigError: secret "db-password" not found',
    'MountVolume.SetUp failed for volume "db-secret" : secret "db-secret" not found',
    'MountVolume.SetUp failed for volume "kube-api-token" : failed to fetch token: serviceaccounts "x" not found',
    "references non-existent secret key: tls.crt",
    "couldn't find key password in Secret ns/db-secret",
    "CreateContainerConfigError: couldn't find key api-key in Secret etl/vendor-api-key",
    'secrets "db-password" is forbidden: User "system:serviceaccount:etl:default" cannot get resource "secrets"',
    'error getting secret: "db-creds" not found',
    "failed to get secret: default/my-secret-1: not found",
    "failed to resolve {{inputs.parameters.token}}",
    "token={{inputs.parameters.token}}",
    "--token {{workflow.parameters.api-token}}",
    "password: ${DB_PASSWORD}",
    "PASSWORD=$(DB_PASSWORD)",
    "Token expired",
    "token: expired",
    "invalid token: signature is invalid",
    "Invalid password: must be 8 characters",
    "error: unknown flag: --token",
    "the --password flag is required",
    "required flag --token not set",
    "max_tokens=4096 prompt_tokens: 512",
    "tokenizer=bert-base-uncased-v2",
    "secretName: db-credentials-2",
    "token_url=https://auth.example.com/oauth2",
    "--token-file /var/run/secrets/token",
    "PWD=/home/app OLDPWD=/srv",
    "tests: pass=12 fail=0",
    "password=null token=None secret=''",
    'Back-off pulling image "ghcr.io/acme/vault-secret:1.4.2"',
    "ErrImagePull: docker.io/acme/token-service:v1.2.3: not found",
    "docker-pullable://busybox:1.36@sha256:" + HEX,
    "quay.io/argoproj/argoexec@sha256:" + HEX,
    "http://minio:9000/bucket/key?x=1",
    's3 key "etl/2024/etl-main-2220851766/main.log"',
    "/var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory",
    "open /mnt/secrets/password: permission denied",
    "etl-daily-x7k2p-transform-2220851766",
    "uid 3f9c1b8e-0a1b-4c2d-9e3f-112233445566",
    'WWW-Authenticate: Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
    "failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized",
    "error during authorization: access denied",
    "pod failed: neither main nor wait container completed successfully",
    "Unschedulable: 0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint",
    "task 'x.y' errored: pods \"a\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=10, limited: pods=9",
    "expected a header -----BEGIN PRIVATE KEY----- but found none",
    "-----BEGIN CERTIFICATE-----\n" + PEM_LINE + "\n-----END CERTIFICATE-----",
    "com.acme.MarshallingOrderServiceX.handle.processAllOfTheOrders(Order.java:12)",
    "Ünïcödé 🚀 Passwort vergessen: こんにちは",
    "secret:\n  name: x",
    "docker run -u 1000:1000 img",
    "authorization: token expired",
    "Authorization: Bearer token required",
    "Missing Authorization: authentication/required",
    "the curl -u option",
    "etl-main-2220851766:transform-the-daily-orders-into-rows-for-all",
    "Basic authentication-required here",
]

ADVERSARIAL = [
    *(
        "token: ",
        "token",
        'token:="',
        " ",
        "a",
        "sk-",
        "eyJaaaaaaaaaaa.",
        "eyJ",
        "://a:",
        "//",
        "\\n",
        'password="',
        "-",
    ),
    *(
        "--a",
        "authorization: digest ",
        "bearer ",
        "1",
        "12345678:",
        "Maaaaaaaaaaaaaaaaaaaaaaa.",
        "curl -u ",
        "aws key ",
    ),
    *(
        "token=${",
        "password=a ",
        "glpat-",
        "a-",
        '{"password": "x"},',
        "password=\\",
        "x-a",
        "\n",
        "secret=a&",
        "xoxb-1-",
        "a:b@",
    ),
    *(
        "token=f" + "(" * 150 + "!\n",
        "password=f" + "[(" * 75 + "!\n",
        "apiKey: f" + "({[" * 50 + "!\n",
        "token=" + "/s." * 50 + "é\n",
    ),
    *(
        "Cookie: a=",
        "a=b; ",
        "<password>",
        "<a key='token' ",
        "mysql -p",
        "curl -u a:",
        "echo a |",
        "AUTH ",
        "password is ",
        "password ",
        "login a password ",
        "identified by '",
        "kind: Secret\ndata:\n  a: YWJj\n",
        'kind: Secret data:{"a":"YWJj"',
        "data:{",
        "name: password\n",
        "value: ",
        "password: |\n a\n",
        "('password', 'abcd",
        "\x1b[",
        "\x1b]",
        "\u200d",
        "\uff1a",
        "密码：",  # noqa: RUF001
        "%3D",
        "\\u003c",
        "&lt;",
        "$2$",
        "eyJrIjoi",
        "://aaaaaaaaaaaaaaaaaaaa1@",
        "jdbc:oracle:thin:a/",
        "a/b@",
        "a:1234:b:c:",
        "session_id=",
        "--from-literal=a=",
        "kubectl create secret ",
        "vault login ",
        "-----BEGIN CERTIFICATE-----\n",
    ),
    *(
        "password for a ",
        "logged in as a:",
        'connect("a","b",',
        'login("a", "',
        "\na.b.password ",
        "password :\n  a1b2c3d4e5f6\n",
        "a1b2c3 is the new ",
        "password a = ",
        "\nPASS a1b2c3",
        "LOGIN a@b ",
        "unseal key 1 ",
        '"password": { "value": ',
        '["password"]=> string(1) "',
        "%2525",
        "?code=a1",
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh=",
    ),
    *(
        "connect('a', '",
        'connect("a", ',
        "login(",
        "set_password('a",
        "hmac.new(b'a', ",
        'setenv("a", "',
        "auth failed for a:",
        "u=a p=",
        "a_auth=",
        "password supplied (",
        "recovery code a1-",
        "invalid value 'a1' for password ",
        "is not a valid ",
        "input_value='",
        "user,password\n",
        "a  password  b\n",
        "insert into a (password) values ('",
        "htpasswd -b a ",
        "+ echo a1b2c3\n",
        '"AUTH" "a1b2" ',
        "password reset\n",
        "use token\n",
        "a:b1c2d3@e.f ",
        "a://b:c/d?",
        "/hooks/",
        "identified by a replace ",
        "passwords: [a1b2c3, ",
        "password got a1b2c3 ",
        "value: a\nname: ",
        "::add-mask::",
        "password - ",
        "--password\n- ",
        "token\na1b2c3d4\n",
        "XXX[REDACTED",
        "-u a -p ",
        "-u a:",
        "AKIAIOSFODNN7EXAMPLE ",
        "(a.key,a1b2c3d",
        "mysql sshpass curl ",
        "psql -u a ",
        "login as a:",
        "password=redacted_",
        "password=****",
        "Some(",
    ),
    *("-----BEGIN PRIVATE " + "KEY-----\n", "-----END PRIVATE " + "KEY-----\n", PEM_LINE + "\n", "Private-MAC: a\n"),
]


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor()


@pytest.mark.parametrize("cases", batches(SECRETS, name=repr))
def test_a_secret_is_removed_and_the_text_around_it_stays(redactor: Redactor, cases: list[tuple[str, str]]) -> None:
    for text, secret in cases:
        redacted, count = redactor.redact(f"before\n{text}\nafter")
        assert secret not in redacted
        assert count == redacted.count(MASK) == 1, text
        assert redacted.startswith("before\n"), text
        # The text after a key without an end may belong to the key.
        assert redacted.endswith("after") or ("KEY" in text and "END" not in text)


@pytest.mark.parametrize("cases", batches(SECRETS, name=repr))
def test_a_text_that_consists_of_a_secret_is_redacted_once(redactor: Redactor, cases: list[tuple[str, str]]) -> None:
    for text, secret in cases:
        redacted, count = redactor.redact(text)
        assert secret not in redacted
        assert count == 1, text
        assert redactor.redact(redacted) == (redacted, 0)


@pytest.mark.parametrize("texts", batches(PLAIN, name=repr))
def test_text_without_secrets_is_unchanged(redactor: Redactor, texts: list[str]) -> None:
    for text in texts:
        assert redactor.redact(text) == (text, 0)
        assert redactor.redact(f"first\n{text}\nlast") == (f"first\n{text}\nlast", 0)


def test_no_text_of_any_recording_is_changed(redactor: Redactor) -> None:
    texts = {text for case in chosen_recordings() if case.name != LARGEST for text in texts_in(case.final)}
    assert len(texts) > (1_000 if is_fast() else 10_000)
    assert [text for text in texts if redactor.redact(text) != (text, 0)] == []


def test_a_key_without_its_begin_does_not_remove_the_text_before_it(redactor: Redactor) -> None:
    cut = PEM.partition("\n")[2]
    assert redactor.redact(f"{PEM}\nand\n\n{cut}\n") == ("[redacted]\nand\n[redacted]\n", 2)
    assert redactor.redact(f"the key is\n{cut} ok") == ("the key is\n[redacted] ok", 1)
    assert redactor.redact("the key is bad\n-----END PRIVATE " + "KEY-----") == ("[redacted]", 1)


def test_every_secret_of_a_text_is_counted(redactor: Redactor) -> None:
    text = "password=one token=two postgres://u:three@h 🚀 secret=four"
    masked = "password=[redacted] token=[redacted] postgres://u:[redacted]@h 🚀 secret=[redacted]"
    assert redactor.redact(text) == (masked, 4)


def test_configured_patterns_are_redacted_too() -> None:
    redactor = Redactor([r"ACME-\d{4}", r"\bhush\w*"])
    assert redactor.redact("id ACME-1234, hushhush; ACME-12") == ("id [redacted], [redacted]; ACME-12", 2)


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "", "(?P<x"])
def test_the_error_for_an_invalid_pattern_contains_it(pattern: str) -> None:
    with pytest.raises(ValueError, match="redaction pattern") as caught:
        Redactor(["fine", pattern])
    assert repr(pattern) in str(caught.value)


def test_adjacent_secrets_get_one_mask_and_an_empty_match_is_ignored() -> None:
    assert Redactor(["[0-9]"]).redact("pin 1234 a1b2") == ("pin [redacted] a[redacted]b[redacted]", 3)
    assert Redactor(["x*"]).redact("abc") == ("abc", 0)


def test_a_pattern_that_matches_the_mask_leaves_masks_unchanged() -> None:
    redactor = Redactor(["redacted", r"\[red\w+"])
    assert redactor.redact("password=hunter2 end") == ("password=[redacted] end", 1)
    assert redactor.redact("a redacted b") == ("a [redacted] b", 1)


def test_a_pattern_that_matches_beside_every_new_mask_terminates() -> None:
    redacted, count = Redactor([r"x\[redacted"]).redact("x" * 1000 + "ghp_" + letters(36))
    assert (redacted, count) == ("x" * 991 + MASK, 10)


@pytest.mark.parametrize("part", steps(ADVERSARIAL, thinned_to=6))
def test_time_is_linear_in_the_length_of_the_text(redactor: Redactor, part: str) -> None:
    text = part * (200_000 // len(part))
    started = time.process_time()
    redacted, _ = redactor.redact(text)
    # It takes 0.4 s at most; quadratic time would be minutes.
    assert time.process_time() - started < 5
    assert len(redacted) <= 3 * len(text)


def test_a_megabyte_without_secrets_is_unchanged(redactor: Redactor) -> None:
    line = "2026-11-22T03:00:00Z INFO main: processing item 123 of 456 with key abc and value def\n"
    text = line * (1_000_000 // len(line))
    assert redactor.redact(text) == (text, 0)


pieces = st.sampled_from([text for text, _ in SECRETS] + PLAIN + [MASK, '"', "'", "\\", "\n", " ", "=", ": ", "@", "&"])
soup = st.lists(pieces | st.text(max_size=8), max_size=6).map("".join)


@given(text=soup)
def test_redacting_twice_changes_nothing(text: str) -> None:
    once, count = Redactor().redact(text)
    assert Redactor().redact(once) == (once, 0)
    assert (once == strip_invisible(text)) == (count == 0)


@given(
    text=soup | st.text(alphabet="ab1[]redct ="), pattern=st.sampled_from(["a", "[ab]+", "red", r"\]", ".", r" ?\w"])
)
def test_redacting_twice_with_any_pattern_changes_nothing(text: str, pattern: str) -> None:
    redactor = Redactor([pattern])
    once, _ = redactor.redact(text)
    assert redactor.redact(once) == (once, 0)
