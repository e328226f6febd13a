"""Renders the pages of ``wfreport ui``. They share templates, style and script with the page of one run.

A page is a shell and a fragment. The live stream sends the fragment again whenever it changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Any, Final

from markupsafe import Markup
from msgspec import Struct

from wfreport.cli.render.html_page import STATIC_STEPS, asset, environment, policy
from wfreport.core.page.model import RunPage
from wfreport.core.page.payload import pack_steps

_DIRECTIVES: Final = "connect-src 'self'; form-action 'self'; frame-ancestors 'none'"
_DIGEST_CHARACTERS: Final = 24


class PageLink(Struct, frozen=True):
    """An entry of the navigation; ``id`` is stable."""

    id: str
    label: str
    href: str


class FormField(Struct, frozen=True):
    """A filter of a form; ``kind`` is text, search, choice or check."""

    name: str
    label: str
    kind: str
    value: str
    options: Sequence[str] = ()


class FilterForm(Struct, frozen=True):
    """The filters of a page, and the address that applies them."""

    action: str
    fields: Sequence[FormField]


class Shell(Struct, frozen=True):
    """Everything of a page that the live stream does not replace.

    Attributes:
        current: id of the page.
        title: its heading.
        base: the path before all pages, without a slash at the end.
        links: the navigation.
        where: what the page is about, under the heading.
        events: path of its live stream; empty if it is not live.
        form: its filters.
    """

    current: str
    title: str
    base: str
    links: Sequence[PageLink]
    where: str = ""
    events: str = ""
    form: FilterForm | None = None


def page_html(shell: Shell, fragment: str) -> str:
    """Return a page as HTML."""
    text: str = (
        environment()
        .get_template("ui_page.html.j2")
        .render(
            **{name: getattr(shell, name) for name in Shell.__struct_fields__},
            fragment=Markup(fragment),  # noqa: S704 - made by a template
            digest=digest_of(fragment),
            style=Markup(_style()),  # noqa: S704 - ours
            script=Markup(_script()),  # noqa: S704 - ours
        )
    )
    return text


def fragment_html(template: str, values: Mapping[str, Any]) -> str:
    """Return the part of a page that changes, from a template and its values."""
    text: str = environment().get_template(template).render(**values)
    return text


def run_html(page: RunPage) -> str:
    """Return the fragment of the page of a run."""
    packed = pack_steps(page.steps, page.name)
    return fragment_html("ui_run.html.j2", {"page": page, "packed_steps": packed, "static_steps": STATIC_STEPS})


def missing_run_html(title: str, problem: str) -> str:
    """Return the fragment of the page of a run that cannot be shown."""
    return fragment_html("ui_run.html.j2", {"page": None, "title": title, "problem": problem})


def message_html(problem: str) -> str:
    """Return a fragment that consists of one message."""
    return fragment_html("ui_message.html.j2", {"problem": problem})


def digest_of(fragment: str) -> str:
    """Return a short name of the content of a fragment."""
    return sha256(fragment.encode("utf-8", "replace")).hexdigest()[:_DIGEST_CHARACTERS]


@cache
def page_policy() -> str:
    """Return the Content-Security-Policy of all pages, for the header: a page's own element cannot forbid framing."""
    return policy(_style(), _script(), others=_DIRECTIVES)


@cache
def _style() -> str:
    return asset("page.css") + asset("ui.css")


@cache
def _script() -> str:
    return "\n".join(_scripts())


def _scripts() -> Iterator[str]:
    # "use strict" applies to the whole only if it comes first, which both have
    yield asset("page.js")
    yield asset("ui.js")
