"""Texts after the published rules of gitleaks and trufflehog, and in the forms that logs have.

``harmless_lines.txt`` has texts that look alike: one a line, with escaped line breaks and tabs.
"""

from __future__ import annotations

from pathlib import Path

from tests.core.redact.secret_texts import UUID, capitals, hexadecimal, letters

_WORD = "correct" + "horse-42"
_OTHER = "Winter" + "2026!x"

_WORDS = "hunter" + "pass"
_MIXED = "hunter2" + "pass"

_TOKENS: tuple[str, ...] = (
    "p8e-" + hexadecimal(32),
    "cmVmd" + letters(59),
    "cmVmdGtu" + letters(48),
    "sc_" + "abc12.defg." + "acc_" + hexadecimal(20) + "." + letters(40),
    "bedrock-api-" + "key-" + letters(30),
    "4b1d" + letters(38),
    "dnkey-" + letters(60),
    "dt0c01." + letters(24) + "." + letters(64),
    "1234567890123456|" + letters(30),
    "FLWPUBK_TEST-" + hexadecimal(32) + "-X",
    "fio-u-" + letters(64),
    "sat." + letters(22) + "." + letters(24) + "." + letters(20),
    "ico-" + letters(32),
    "s-s4t2ud-" + hexadecimal(64),
    letters(6) + "_" + letters(29) + "_mmk",
    "API-" + capitals(26),
    "tk-us-" + letters(48),
    "sm_pat_" + letters(16),
    "xoxa-" + letters(12),
    "EAAA" + letters(40),
    "rk_" + "live_" + letters(20),
    "SK" + hexadecimal(32),
    "aio_" + letters(28),
    "BBDC-" + letters(44),
    "da2-" + hexadecimal(26),
    "0.A" + letters(60) + ".Ag" + letters(200),
    letters(42) + "+ACR" + letters(6),
    letters(52) + "JQQJ99" + letters(26),
    "bb_pr_" + hexadecimal(30),
    "cfat_" + letters(40) + hexadecimal(8),
    "ddw_" + letters(36),
    "endr+" + letters(16),
    "figp_" + letters(40),
    "shltm_" + letters(40),
    "na1." + letters(100),
    "pat-na1-" + UUID,
    "pk_" + hexadecimal(34),
    "sdk-" + UUID,
    "live_" + hexadecimal(35),
    "live_" + letters(40),
    "key-" + letters(32).lower(),
    hexadecimal(32) + "-" + hexadecimal(8) + "-" + hexadecimal(8),
    "pk.eyJ" + letters(40) + "." + letters(22),
    "NRBR-" + hexadecimal(19),
    "NRIQ-" + letters(25),
    hexadecimal(32) + "FFFFNRAL",
    "AA" + hexadecimal(40) + "-NRMA",
    "NF-" + letters(32),
    "00" + letters(40),
    "pgar_" + letters(27),
    "phx_" + letters(44),
    "pub-c-" + UUID,
    "ramp_sec_" + letters(48),
    "rh-api-" + UUID,
    "rootly_" + hexadecimal(64),
    "salad_cloud_user_" + letters(20),
    "00" + letters(13) + "!" + letters(96),
    "3MVG9" + letters(84),
    "SG." + letters(22) + "." + letters(43),
    "sqco_" + letters(59),
    "slk_" + hexadecimal(64),
    "spu-" + hexadecimal(32),
    "sandbox-sq0idb-" + letters(22),
    "pi_" + letters(24) + "_secret_" + letters(25),
    letters(22) + "==:" + letters(32),
    "https://a.tines.com/webhook/" + hexadecimal(32) + "/" + hexadecimal(32),
    "thog-secret-" + hexadecimal(32),
    "tfp_" + letters(50),
    "BBFF-" + letters(30),
    "VF.DM." + hexadecimal(24) + "." + letters(16),
    letters(64) + "_PF84_" + UUID,
    "1000." + hexadecimal(32) + "." + hexadecimal(32),
    "1/1201234567890123:" + hexadecimal(32),
    "APA91b".join((letters(20) + ":", letters(120))),
    "dG9rO" + letters(55),
    "re_" + letters(8) + "_" + letters(24),
    "fw_" + letters(24),
    "ewogIC" + letters(30) + ".ewog" + letters(40) + "." + letters(43),
    "API_" + "KEY" + capitals(32),
    "OC|1234567890123|" + letters(27),
    "os_v2_app_" + letters(60).lower(),
    "tgp_v1_" + letters(43),
    "vcp_" + letters(56),
)
"""Tokens that their own shape tells, one of each kind."""

_FORMS: tuple[tuple[str, str], ...] = (
    ("copper_token: §", letters(32).lower()),
    ("splunk_token: §", letters(22)),
    ('"langfuseSecret": "§"', "pk-lf-" + UUID),
    ("DISCORD_API_KEY=§", "153272148064074216"),
    ("user_token: §", "oXJnx=btgivPTqtoHad=WDYgm"),
    ("&{Host:db Password:§ Port:5432}", _WORD),
    ("dbt profile: {type: postgres, user: x, pass: §, port: 5432}", _WORD),
    ('"password": [\n  "§"\n]', _WORD),
    ("your temporary password is §", _WORD),
    ("A temporary password is generated for root@localhost: §", "k=Xw3" + "!aQpR7"),
    ("wandb: login with key §", hexadecimal(40)),
    ("BUNDLE_ENTERPRISE__CONTRIBSYS__COM=§", "cafe12be:dead34ef"),
    ('variable "db_password" { default = "§" }', _OTHER),
    ("password: !!str §", _OTHER),
    ('sudo -S <<< "§"', _OTHER),
    ('requests.get(url, auth=("etl", "§"))', _OTHER),
    ('HTTPBasicAuth("etl", "§")', _OTHER),
    ("etcdctl --user root:§ get x", _OTHER),
    ("db.password §", _OTHER),
    ("KAGGLE_KEY=§", letters(32)),
    ("GCP_SA_KEY=§", letters(64)),
    ("bearer=§", letters(40)),
    ("jwt=§", letters(60)),
    ("client_assertion=§", letters(200)),
    ("recovery key: §", letters(32)),
    ("secret_key: §", "sword" + "fish"),
)
"""Texts with ``§`` in place of the secret."""

_NEARLY_HARMLESS: tuple[tuple[str, str], ...] = (
    # no address of a store
    ("API_CREDENTIALS=§", "ops:" + _MIXED),
    ("credentials: §", "ops:" + _MIXED),
    ("credentials: §", "files:" + _MIXED),
    ("password=§", "env:prod-S3cr3t99"),
    ("password=§", "env:hunter/2pass"),
    ("AUTH_TOKEN=§", "k8s:aB3dE5fG7hI9jK1lMn"),
    ("password=§", "k8s:Hunter2/aB3dE5fG7"),
    ("password=§", "file:" + _MIXED),
    ("password=§", "file:hunter/2pass"),
    ("password=§", "op:hunter2"),
    ("password=§", "vault:Hunter2Pass"),
    ("password=§", "vault:aB3/dE5fG7"),
    ("password=§", "arn:aws:Hunter2pass"),
    ("password=§", "arn:aws:iam::Hunter:pass"),
    ("password='§'", "vault:secret/x hunter2"),
    # no tag of YAML, and nothing that a tool encrypted
    ("password=§", "!letmein"),
    ("DB_PASSWORD=§", "!changeme"),
    ('password: "§"', "!admin"),
    ("password: §", "!!hunter"),
    ("redis-cli -a §", "!letmein"),
    ("curl -u bob:§ https://x", "!letmein"),
    ('the password is "§"', "!letmein"),
    ("password=§", "ENC(hunter2"),
    ("DB_PASSWORD=§", "ENC[S3cr3t99"),
    ('password="§"', "ENC[AES256_GCM,x] hunter2"),
    # no description of a flag, and no sentence about it
    ("mysql --password  §", _WORDS),
    ("mysql --password  § sales customers", _WORDS),
    ("  --password  § -h db", _WORDS),
    ("  --password  § for login", _MIXED),
    ("tool --token  §", "abcdefg" + "hijkl"),
    ("sshpass -p  § ssh x", "letmein"),
    ("docker login -u bob -p  §", _WORDS),
    ("mysqladmin -uroot password  §", _WORDS),
    ("mysql --password §", "testing"),
    ("tool --token §", "parsing"),
    # no time, number, duration or boolean
    *((f"{key}=§", "hunter2") for key in ("PASSWORD_ON", "password_time", "token_at", "secret_hits", "SECRET_SINCE")),
    ("password_days: §", "S3cr3tXy"),
    ("password_date=§", "Sunshine"),
    ("password_time=§", "12hunter"),
    ("password_on=§", "5up3r"),
    ("TOKEN_AT=§", "12ab34cd"),
    # no code
    ("password=§", "await"),
    ('password="§"', "async"),
    ("password=§", "new-horse"),
    ("DB_PASSWORD=§", "Summer(2024).x"),
    ("password=§", "f.read(hunter2).x"),
    ('token="§"', "Bearer ${TOKEN}realsecret12"),
    ('token="§"', "Basic !hunter"),
    # no name of an object
    ("JWT_SECRET=§", "very-long-secret"),
    ("CLIENT_SECRET=§", "abc123-auth"),
    ("SECRET=§", "top-secret-key"),
    ("client_secret_prod: §", "hunter"),
    ("api_key_payments: §", "correct" + "horse"),
    # a password that begins with punctuation, and a login that begins with a word of a sentence
    ("CREATE USER x IDENTIFIED BY '§'", ".hunter2"),
    ("identified by '§'", ":hunter2"),
    ("password('§')", ";hunter2"),
    ("login a-bot password §", _WORDS),
)
"""Texts that resemble a harmless one: a reference, a placeholder, code or a help text."""

SECRETS: list[tuple[str, str]] = [
    *((f"2026-11-22 INFO using {token} now", token) for token in _TOKENS),
    *((text.replace("§", secret), secret) for text, secret in (*_FORMS, *_NEARLY_HARMLESS)),
]
HARMLESS: list[str] = [
    line.replace("\\n", "\n").replace("\\t", "\t")
    for line in (Path(__file__).parent / "harmless_lines.txt").read_text().splitlines()
]
