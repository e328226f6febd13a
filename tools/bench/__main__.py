"""Implements the command line: `python -m bench [--quick] [--rounds N] [--only wfreport]`, `flood`, `bounds`, `cli`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import bounds, cli, flood
from bench.controller import RefusedError
from bench.measure import measure
from bench.operators import NAIVE, PROGRAMS, WFREPORT, OperatorEndedError
from bench.plan import FULL, PLANS, QUICK, Plan
from bench.results import tables, verdict
from controlplane.errors import ControlPlaneError
from controlplane.paths import REPO_ROOT
from controlplane.progress import echo
from wfreport.clock import now

FOLDER = REPO_ROOT / ".cache" / "bench"
_FAILED = 2
_NAMES = [program.name for program in PROGRAMS]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 with the tables on stdout, or 2 with one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["bounds"]:
        return bounds.main(given[1:])
    if given[:1] == ["cli"]:
        return cli.main(given[1:])
    if given[:1] == ["flood"]:
        return flood.main(given[1:])
    options = _parser().parse_args(given)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.table:
            records = [json.loads(line) for path in options.table for line in path.read_text().splitlines()]
        else:
            records = asyncio.run(_measured(options))
    except (ControlPlaneError, OperatorEndedError, RefusedError, OSError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return _FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    sys.stdout.write(tables(records, against=options.against) + "\n")
    sys.stdout.write(verdict(records, operator=WFREPORT.name, against=options.against))
    return 0


async def _measured(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure the operators in turn and write each result to disk at once."""
    plan, records = _plan(options), []
    path = options.folder / f"{plan.name}-{now():%Y%m%d-%H%M%S}.jsonl"
    for number in range(1, options.rounds + 1):
        for program in (program for program in PROGRAMS if program.name in (options.only or _NAMES)):
            echo(f"round {number}, {program.name}, {options.crds} CRDs")
            log = options.folder / f"{program.name}.log"
            found = await measure(program.built(), plan, workflow_crds=options.crds, log=log, echo=echo)
            records.append(found.record() | {"round": number, "at": f"{now():%FT%TZ}", "cores": os.cpu_count()})
            _append(path, records[-1])
    echo(f"results in {path}")
    return records


def _append(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as results:
        results.write(json.dumps(record) + "\n")


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else PLANS[options.plan]
    paced = (replace(group, writes_per_second=group.writes_per_second * options.pace) for group in plan.load)
    return replace(plan, load=tuple(paced))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="100 Workflows instead of 2,000, and a twelfth of the load"
    )
    parser.add_argument(
        "--plan", choices=sorted(PLANS), default=FULL.name, help="what is measured, default %(default)s"
    )
    parser.add_argument(
        "--against", choices=_NAMES, default=NAIVE.name, help="the operator of the ratios, default %(default)s"
    )
    parser.add_argument("--rounds", type=int, default=1, help="rounds of measurements, the operators in turn")
    parser.add_argument("--only", action="append", choices=_NAMES, help="only this operator; may be repeated")
    parser.add_argument(
        "--crds", choices=("full", "minimal", "own"), default="full", help="CRDs of Argo's kinds, default %(default)s"
    )
    parser.add_argument("--pace", type=float, default=1, help="factor on the rate of the load, default %(default)s")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where results and logs go")
    parser.add_argument("--table", type=Path, nargs="+", help="only print the tables of these results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
