"""Mutation testing of the rules: changes them one by one, and says which changes no test notices.

mutmut knows sources under ``src`` only, so it works on a copy in ``.cache/mutation``. What it changes and which tests
it runs stands in ``pyproject.toml`` (``[tool.mutmut]``).
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
WORKPLACE: Final = ROOT / ".cache" / "mutation"
WANTED_PERCENT: Final = 90

_KILLED: Final = frozenset({"killed", "timeout", "caught by type check"})
_NO_VERDICT: Final = frozenset({"not checked", "check was interrupted by user", "skipped"})


def prepare_workplace() -> None:
    """Copy sources and tests afresh; mutmut's results of earlier runs stay, and it tries only what changed."""
    for source, target in (("operator", "src"), ("tests", "tests"), ("tools", "tools")):
        shutil.rmtree(WORKPLACE / target, ignore_errors=True)
        shutil.copytree(ROOT / source, WORKPLACE / target, ignore=shutil.ignore_patterns("__pycache__"))
    settings = (ROOT / "pyproject.toml").read_text()
    (WORKPLACE / "pyproject.toml").write_text(settings.replace('pythonpath = ["operator",', "pythonpath = ["))


def mutmut(*arguments: str) -> str:
    """Run mutmut in the workplace; its output, which is shown too."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=WORKPLACE, check=False, text=True, stdout=subprocess.PIPE)
    return done.stdout


def results() -> dict[str, str]:
    """Every mutant's name and what became of it."""
    lines = mutmut("results", "--all", "true").splitlines()
    return dict(line.strip().split(": ", 1) for line in lines if ": " in line)


def main() -> int:
    """Run, show the survivors, and fail below the wanted share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", nargs="*", help="names or patterns of mutants; all where none is given")
    parser.add_argument("--max-children", default="2", help="how many at once")
    arguments = parser.parse_args()
    prepare_workplace()
    print(mutmut("run", "--max-children", arguments.max_children, *arguments.mutants)[-2000:])
    found = {name: verdict for name, verdict in results().items() if verdict not in _NO_VERDICT}
    survivors = {name: verdict for name, verdict in found.items() if verdict not in _KILLED}
    for name, verdict in survivors.items():
        print(f"{verdict}: {name}")
    percent = 100 * (len(found) - len(survivors)) / len(found) if found else 0.0
    print(json.dumps(Counter(found.values())), f"{percent:.1f} % killed")
    return 0 if percent >= WANTED_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
