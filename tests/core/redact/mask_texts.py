"""Masks of other programs, placeholders and references (``masks.txt``), each in the forms that secrets have."""

from __future__ import annotations

from pathlib import Path

_FORMS = (
    "password={}",
    "password: {}",
    "db.password = {}",
    "DB_PASSWORD={}",
    "--password {}",
    "--password={}",
    "token: {}",
    "api_key={}",
    "Pwd={};Encrypt=true",
    "login_password: {}",
    "spark.hadoop.fs.s3a.secret.key={}",
    "user=bob password={} host=x",
    '"password": "{}"',
    "postgres://bob:{}@db/x",
    "<password>{}</password>",
)
_MASKS = (Path(__file__).parent / "masks.txt").read_text().splitlines()
HARMLESS: list[str] = [form.replace("{}", mask) for mask in _MASKS for form in _FORMS]
