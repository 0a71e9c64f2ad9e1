"""``python -m tests.benchmarks``: measure everything, or the sections named, and write the report.

Every row goes to ``rows.jsonl`` as it is done, and ``report.md`` is written anew after it. A run that was
stopped goes on where it stopped: a row is not measured again while the code that it measures, the versions,
the machine and the data are the same. When they change, its section is measured anew; comments and words
for people do not count as code.

``--into`` names a page for the table of goals: ``make bench`` names ``docs/benchmarks.md`` when it measures
everything. ``--page`` names a page for the measured sections that have a place in it.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.catalogue import SECTIONS
from tests.benchmarks.machine import fingerprint
from tests.benchmarks.plan import Options, Section
from tests.benchmarks.report import excerpt, picture_path, render, section_excerpt
from tests.benchmarks.rows import Journal
from tests.benchmarks.runner import is_wanted, measure

MARKS = "<!-- make bench: begin -->", "<!-- make bench: end -->"
SECTION_MARKS = "<!-- make bench SECTION={0}: begin -->", "<!-- make bench SECTION={0}: end -->"


def main(words: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = _parser().parse_args(words)
    options = Options(data=arguments.data, quick=arguments.quick, url=arguments.url)
    journal, report = Journal(arguments.out / "rows.jsonl"), arguments.out / "report.md"
    sections = [section for section in SECTIONS if section.name in (arguments.section or _names())]
    if arguments.fresh:
        codes = {(section.name, fingerprint(section, options)) for section in sections}
        journal.forget(
            lambda row: (
                (row.section, row.code) in codes
                and is_wanted(row.who, arguments.who)
                and is_wanted(row.work, arguments.work)
            )
        )

    def tell(text: str) -> None:
        sys.stderr.write(text)
        if text.endswith("\n"):
            report.write_text(render(SECTIONS, options, journal, report), encoding="utf-8")

    for section in sections if not arguments.render else ():
        if missing := section.missing(options):
            sys.stderr.write(f"{section.name}: left out, needs {', '.join(missing)}; DATA names the folder\n")
            continue
        measure(section, options, journal, who=arguments.who, work=arguments.work, tell=tell)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for section in sections:
        _draw(section, options, journal, report)
    report.write_text(render(SECTIONS, options, journal, report), encoding="utf-8")
    if arguments.into:
        _put_into(arguments.into, excerpt(SECTIONS, options, journal), MARKS)
    if arguments.page:
        _write_sections(arguments.page, sections, options, journal)
    sys.stderr.write(f"{report}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure and report.")
    parser.add_argument("--section", nargs="+", choices=_names(), help="only these sections")
    parser.add_argument(
        "--who", help="only the rows of this one, as the report names it; '07*' for a pattern"
    )
    parser.add_argument("--work", help="only the rows of this work, likewise")
    parser.add_argument("--url", help="of a running service to measure, where a section can")
    parser.add_argument("--data", type=_folder, help="folder with the data sets")
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="folder of the results")
    parser.add_argument("--fresh", action="store_true", help="measure again what is there already")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument("--render", action="store_true", help="measure nothing, write the report")
    parser.add_argument("--into", type=Path, help="write the goals between the marks of this file")
    parser.add_argument("--page", type=Path, help="write the sections that have marks in this file")
    return parser


def _names() -> list[str]:
    return [section.name for section in SECTIONS]


def _folder(text: str) -> Path | None:
    """A folder that is there; an empty name is none."""
    if text and not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return Path(text) if text else None


def _draw(section: Section, options: Options, journal: Journal, page: Path) -> None:
    """Draw the picture of a section beside a page; without the library that draws, there is none."""
    results, path = journal.of(section.name, fingerprint(section, options)), picture_path(section, page)
    if not (section.picture and results.rows):
        return
    try:
        section.picture(results, path)
    except ModuleNotFoundError as error:
        path.unlink(missing_ok=True)  # it would show other figures
        sys.stderr.write(f"{section.name}: no picture, {error}\n")


def _write_sections(page: Path, sections: Sequence[Section], options: Options, journal: Journal) -> None:
    """Write the sections that have rows, and marks in the page, with their pictures."""
    for section in sections:
        begin, end = (mark.format(section.name) for mark in SECTION_MARKS)
        has_rows = journal.of(section.name, fingerprint(section, options)).rows
        if has_rows and begin in page.read_text(encoding="utf-8"):
            _draw(section, options, journal, page)
            _put_into(page, section_excerpt(section, options, journal, page), (begin, end))


def _put_into(path: Path, text: str, marks: tuple[str, str]) -> None:
    begin, end = marks
    before, _, remainder = path.read_text(encoding="utf-8").partition(begin)
    _, mark, after = remainder.partition(end)
    if not mark:
        sys.exit(f"{path} has no place for the text: {begin} … {end}")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that a running task ends with us
    main()
