"""``python -m tests.gallery``: run the jobs that the guide's gallery shows, and note what came of them.

The page is the list of experiments: every block ``json NAME`` in it is a job, in which the file of a
dataset stands for its id; ``pictures/NAME-PLOT.svg`` is a picture of what the job made, and ``[[NAME.…]]`` a
number of it. Numbers go to ``service/guide/gallery.json``, pictures beside the pages; those of some jobs
alone are printed, since the page tells of one run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.api.routes.guide_pages import LANGUAGES
from tests.benchmarks.machine import ROOT, commit, machine, versions
from tests.benchmarks.subjects import service
from tests.gallery import beside
from tests.gallery.experiments import picture, run, shown
from tests.gallery.tables import Tables

GUIDE = ROOT / "service" / "guide"
EQUATIONS = "equations"


def main(words: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description="Run the gallery's jobs.")
    names = [*(each.name for each in shown()), EQUATIONS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"print these alone: {', '.join(names)}")
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    asked = parser.parse_args(words)
    if unknown := set(asked.names) - set(names):
        parser.error(f"no {', '.join(unknown)} in the gallery")
    started = time.monotonic()
    numbers, pictures = _measured(asked.data, asked.names or names)
    if asked.names:
        sys.stdout.write(_text(numbers))
        return
    numbers["run"] = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
        "minutes": (time.monotonic() - started) / 60,
    }
    (GUIDE / "gallery.json").write_text(_text(numbers), encoding="utf-8")
    for file, content in pictures.items():
        (GUIDE / file).parent.mkdir(exist_ok=True)
        (GUIDE / file).write_bytes(content)


def _measured(data: Path, names: Sequence[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Numbers by job, and pictures by file, one job after the other."""
    numbers, pictures, tables = dict[str, Any](), dict[str, bytes](), Tables(data)
    with service.running() as client:
        for each in shown():
            if each.name in names:
                made = run(client, each, tables)
                sys.stderr.write(f"{each.name}: {made.numbers['seconds']:.1f} s\n")
                numbers[each.name] = {**made.numbers, **beside.of(client, each, made, tables)}
                for plot in each.plots:
                    for language in LANGUAGES:
                        file = f"{language}/pictures/{each.name}-{plot}.svg"
                        pictures[file] = picture(client, made, plot, language)
        if EQUATIONS in names:
            numbers[EQUATIONS] = beside.equations(client, data / "differential_equations.jsonl")
    return numbers, pictures


def _text(numbers: dict[str, Any]) -> str:
    return json.dumps(numbers, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
