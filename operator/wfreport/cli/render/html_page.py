"""Renders the page of a run as one HTML file that needs no network.

Jinja2 is imported only here. All text is escaped by it; only the style and the script, which are ours, are not. The
Content-Security-Policy allows these two by their hashes and nothing else.
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from wfreport.cli.render.style import UNICODE
from wfreport.core.page.model import RunPage
from wfreport.core.page.payload import pack_steps
from wfreport.core.page.texts import duration
from wfreport.core.page.timeline import tone_of

STATIC_STEPS: Final = 300
"""Steps that are readable without script."""


def html_of(page: RunPage) -> str:
    """Return the page as HTML. The same page always gives the same bytes."""
    style, script = asset("page.css"), asset("page.js")
    text: str = (
        environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            policy=policy(style, script),
            style=Markup(style),  # noqa: S704 - ours
            script=Markup(script),  # noqa: S704 - ours
            packed_steps=pack_steps(page.steps, page.name),
            static_steps=STATIC_STEPS,
        )
    )
    return text


def policy(style: str, script: str, *, others: str = "form-action 'none'") -> str:
    """Return the Content-Security-Policy that allows this style and this script; ``others`` are further directives."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        f"base-uri 'none'; {others}"
    )


@cache
def environment() -> Environment:
    """Return the environment of all templates: everything is escaped, and a misspelt name is an error."""
    made = Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    helpers: dict[str, Any] = {"duration": duration, "tone_of": tone_of, "mark_of": _mark}
    made.globals.update(helpers)
    return made


@cache
def asset(name: str) -> str:
    """Return a template, the style or the script."""
    return files("wfreport.cli.render").joinpath("templates", name).read_text(encoding="utf-8")


def _mark(phase: str) -> str:
    return UNICODE.phases.get(phase, "○")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
