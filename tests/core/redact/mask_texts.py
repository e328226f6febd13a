"""Masks of other programs, placeholders and references (``masks.txt``), each in the forms that secrets have."""

from __future__ import annotations

import re
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
    "<password>{}</password>",
)
_MASKS = (Path(__file__).parent / "masks.txt").read_text().splitlines()
_WORD = re.compile(r"(?!x+$|\$[a-z]+_)[$@]?[\w.-]*[a-z][\w.-]*|NO")
"""A word is a password in a URL, where no name of a state can stand."""

HARMLESS: list[str] = [form.replace("{}", mask) for mask in _MASKS for form in _FORMS]
HARMLESS += [f"postgres://bob:{mask}@db/x" for mask in _MASKS if not _WORD.fullmatch(mask)]
