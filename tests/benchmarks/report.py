"""The rows as Markdown: the goals beside what was measured, then every section's figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.benchmarks.machine import commit, fingerprint, machine, versions
from tests.benchmarks.plan import Options, Section, number
from tests.benchmarks.rows import Journal, Measured, Row, Values

QUICK = "**A quick run with tiny sizes: its figures say only that everything runs.**"
THREADS = (
    "Figures are medians over seeds (in brackets: smallest and largest); timings take turns, and every row "
    "has a process of its own, with one thread unless its section says otherwise. `load` is the load average "
    "of the minute before the row ended: this process alone is 1."
)


def render(sections: Sequence[Section], options: Options, journal: Journal, page: Path | None = None) -> str:
    """The whole report, with the pictures that lie beside its page."""
    parts = [
        "# Benchmarks",
        head(),
        QUICK if options.quick else "",
        THREADS,
        "" if options.quick else "## Goals\n\n" + goals(sections, options, journal),
        *(_section(section, options, journal, page) for section in sections),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def goals(sections: Sequence[Section], options: Options, journal: Journal) -> str:
    """Every goal with what was measured, as one table."""
    lines: list[list[str]] = []
    for section in sections:
        results = journal.of(section.name, fingerprint(section, options))
        for goal in section.goals:
            value, verdict = goal.verdict(results)
            lines.append([section.name, goal.what, goal.bound, value, verdict])
    return table(["section", "what", "goal", "measured", "verdict"], lines)


def excerpt(sections: Sequence[Section], options: Options, journal: Journal) -> str:
    """What ``docs/benchmarks.md`` quotes: when and where, the goals, and which are of other code."""
    other_sections = {
        f"{section.name} at {results.rows[-1].commit}"
        for section in sections
        if (results := journal.of(section.name, fingerprint(section, options))).is_other
    }
    remark = (
        f"Measured with other code than the present: {', '.join(sorted(other_sections))}."
        if other_sections
        else ""
    )
    return "\n\n".join(part for part in (head(), goals(sections, options, journal), remark) if part)


def section_excerpt(section: Section, options: Options, journal: Journal, page: Path) -> str:
    """What a page quotes of a section: when and where, what is measured, the figures and the picture."""
    return "\n\n".join([head(), *_body(section, options, journal, page)])


def picture_path(section: Section, page: Path) -> Path:
    """The picture of a section, beside the page that shows it."""
    return page.with_name(f"{page.stem}-{section.name}.svg")


def head() -> str:
    """When, where, and with which versions."""
    now = datetime.now(UTC).date().isoformat()
    return f"{now}, commit {commit() or 'unknown'}. {machine()}. {versions()}."


def _section(section: Section, options: Options, journal: Journal, page: Path | None) -> str:
    title = f"## {section.name}: {section.title}"
    return "\n\n".join([title, *_body(section, options, journal, page)])


def _body(section: Section, options: Options, journal: Journal, page: Path | None) -> Iterator[str]:
    """All of a section but its title."""
    code = fingerprint(section, options)
    results = journal.of(section.name, code)
    yield section.about
    yield from _remarks(section, options, results, code)
    if not results.rows:
        return
    yield (section.summary or _figures)(results)
    if page and section.picture and (path := picture_path(section, page)).is_file():
        yield f"![{section.title}]({path.name})"


def _remarks(section: Section, options: Options, results: Measured, code: str) -> Iterator[str]:
    """What is missing, and whether the rows are of other code than the present."""
    if missing := section.missing(options):
        yield f"Not measured: needs {', '.join(missing)}; `DATA=folder` names where."
        return
    if not results.rows:
        yield "Not measured yet."
    elif results.is_other:
        latest_row = results.rows[-1]
        yield (
            f"*Measured at commit {latest_row.commit} on {latest_row.at}; code, versions, data or machine "
            "differ now.*"
        )
    else:
        journal_keys = {row.key for row in results.rows}
        keys = {(section.name, task.work, task.who, task.seed, code) for task in section.tasks(options)}
        if open_count := len(keys - journal_keys):
            yield f"*{open_count} of {len(keys)} rows are still to be measured.*"


def _figures(results: Measured) -> str:
    """One line per work and who; then why some have no figures."""
    names = list(dict.fromkeys(name for row in results.rows for name in row.values))
    head = ["work", "who", *names, "n", "load"]
    lines = [
        [work, who, *(_summary([row.values for row in rows], name) for name in names), *_circumstances(rows)]
        for (work, who), rows in _grouped(results.rows).items()
    ]
    failures = [
        f"- {row.work}, {row.who}, seed {row.seed}: {row.failure}" for row in results.rows if row.failure
    ]
    return "\n\n".join(
        [table(head, lines), *(["Without figures:\n\n" + "\n".join(failures)] * bool(failures))]
    )


def _grouped(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.work, row.who), []).append(row)
    return groups


def _summary(values: Sequence[Values], name: str) -> str:
    """Median with smallest and largest of a number, or the different texts."""
    figures = [entry[name] for entry in values if entry.get(name) is not None]
    numbers = sorted(value for value in figures if isinstance(value, int | float))
    if not numbers:
        return "; ".join(dict.fromkeys(map(str, figures)))
    middle = number(median(numbers))
    if numbers[0] == numbers[-1]:
        return middle
    return f"{middle} ({number(numbers[0])} – {number(numbers[-1])})"


def _circumstances(rows: Sequence[Row]) -> list[str]:
    """How many rows have figures, and how busy the machine was."""
    success_count = sum(row.failure is None for row in rows)
    count = str(success_count) if success_count == len(rows) else f"{success_count} of {len(rows)}"
    return [count, number(round(median(row.load for row in rows), 1))]


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    texts = (
        " | ".join(cell.replace("|", "\\|") for cell in line) for line in (head, ["---"] * len(head), *lines)
    )
    return "\n".join(f"| {text} |" for text in texts)
