"""Prints objects as JSON or YAML, reports as pages, and tables.

rich and Jinja2 take 0.2 and 0.1 s of CPU to import: each is imported only to print a page or a table, so that scripts
which read JSON do without them.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from wfreport.cli.render.column import Column, ItemT
from wfreport.cli.render.style import is_terminal_safe

PAGE_FORMATS: Final = ("html", "markdown")
"""Formats that show a run to people who have no terminal here."""

if TYPE_CHECKING:
    from wfreport.cli.render.live_details import LiveDetails


def as_list(items: Sequence[Any]) -> dict[str, Any]:
    """Return the objects wrapped in a ``List``, as kubectl prints more than one object."""
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def print_object(value: Any, output: str) -> None:
    """Print a value as ``json`` or ``yaml``.

    If it contains characters that a terminal would obey, such as direction overrides, all of it is ASCII with escapes.
    """
    render = _as_json if output == "json" else _as_yaml
    text = render(value, is_ascii=False)
    if not is_terminal_safe(text):
        text = render(value, is_ascii=True)
    # Bytes: JSON and YAML are UTF-8 whatever the terminal's encoding.
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def print_reports(
    reports: Sequence[Mapping[str, Any]],
    *,
    is_list: bool,
    output: str,
    color: str,
    everything: bool,
    details: "Sequence[LiveDetails]" = (),
) -> None:
    """Print reports as ``json``, ``yaml``, ``tree``, ``html`` or ``markdown``.

    Args:
        reports: the reports, as objects.
        is_list: whether json and yaml are a ``List``; otherwise they are the first report.
        output: the format: also ``html``, a page of one report, or ``markdown``.
        color: ``auto``, ``always`` or ``never``.
        everything: whether a tree lists every step and log line on a terminal too.
        details: what trees and pages show besides each report; not needed for json and yaml.
    """
    if output in PAGE_FORMATS:
        from wfreport.cli.render.shared_page import print_shared  # noqa: PLC0415  (Jinja2, as rich)

        print_shared(reports, output, details)
        return
    if output != "tree":
        if reports:
            print_object(as_list(reports) if is_list else reports[0], output)
        return
    from wfreport.cli.render.report_page import print_pages  # noqa: PLC0415  (see above)

    print_pages(reports, details, color=color, everything=everything)


def print_table(
    columns: Sequence[Column[ItemT]], items: Sequence[ItemT], *, color: str, drops_columns: bool = True
) -> None:
    """Print a table; a terminal that is too narrow drops columns, unless ``drops_columns`` is false."""
    from wfreport.cli.render.table import print_items  # noqa: PLC0415  (see above)

    print_items(columns, items, color=color, drops_columns=drops_columns)


def _as_yaml(value: Any, *, is_ascii: bool) -> str:
    from wfreport.cli.render.yaml_text import as_yaml  # noqa: PLC0415  (yaml is a twentieth of the start)

    return as_yaml(value, is_ascii=is_ascii)


def _as_json(value: Any, *, is_ascii: bool) -> str:
    return json.dumps(value, indent=2, ensure_ascii=is_ascii) + "\n"
