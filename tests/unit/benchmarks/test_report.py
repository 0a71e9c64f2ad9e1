"""The report of ``make bench``: what is measured again and what is not, and what the tables say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from operator import methodcaller
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks.__main__ import main
from tests.benchmarks.catalogue import SECTIONS
from tests.benchmarks.machine import content, fingerprint
from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.report import goals, render
from tests.benchmarks.rows import Journal, Measured, Row
from tests.benchmarks.runner import measure, run
from tests.unit.benchmarks.figures import dying, failing, figure, hungry, sleeping

pytestmark = pytest.mark.long

QUICK = Options(quick=True)
ROW = Row(
    section="demo", work="sum", who="ours", seed=0, code="", commit="abc", at="2026-01-31T12:00:00+00:00",
    seconds=1.0, peak_mib=10.0, load=0.5, values={"error": 2.0},
)  # fmt: skip


def tasks(options: Options) -> Iterator[Task]:
    for seed in range(2):
        yield Task(work="sum", who="ours", seed=seed, run=partial(figure, float(seed)))


DEMO = Section(
    name="demo",
    title="a demo",
    about="It adds.",
    tasks=tasks,
    goals=(
        Goal(what="error", limit=1, measured=methodcaller("median", "error", who="ours")),
        Goal(what="error of others", limit=1, measured=methodcaller("median", "error", who="theirs")),
    ),
    measures=(),
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "out" / "rows.jsonl")


def of_demo(**changes: object) -> Row:
    return replace(ROW, code=fingerprint(DEMO, QUICK), **changes)  # type: ignore[arg-type]


def test_a_stopped_run_goes_on_where_it_stopped(journal: Journal) -> None:
    journal.add(of_demo(seed=0))
    measure(DEMO, QUICK, Journal(journal.path))
    assert [(row.seed, row.values) for row in Journal(journal.path).rows] == [
        (0, {"error": 2.0}),
        (1, {"error": 1.0}),
    ]


def test_a_finished_section_is_not_measured_again(journal: Journal) -> None:
    for seed in range(2):
        journal.add(of_demo(seed=seed))
    told: list[str] = []
    measure(DEMO, QUICK, journal, tell=told.append)
    assert told == []


def test_rows_of_other_code_are_measured_again(journal: Journal) -> None:
    journal.add(replace(ROW, code="older", seed=0))
    measure(DEMO, QUICK, journal, who="ours")
    assert [row.values["error"] for row in journal.rows] == [2.0, 0.0, 1.0]


def test_another_size_is_other_code() -> None:
    assert fingerprint(DEMO, QUICK) != fingerprint(DEMO, Options())


def test_words_are_no_code_but_figures_are(tmp_path: Path) -> None:
    first, words, figures = (tmp_path / name for name in ("first.py", "words.py", "figures.py"))
    first.write_text('"""Doubles."""\nx = 2 * 1  # once\n')
    words.write_text('"""Twice as much."""\nx = 2 * 1\n')
    figures.write_text('"""Doubles."""\nx = 3 * 1  # once\n')
    assert content(first) == content(words) != content(figures)


def test_a_line_that_a_killed_run_left_half_written_is_no_row(journal: Journal) -> None:
    journal.add(ROW)
    with journal.path.open("a") as file:
        file.write('{"section": "demo", "work": "su')
    assert Journal(journal.path).rows == [ROW]


def test_forgotten_rows_are_gone_from_the_file(journal: Journal) -> None:
    for section in ("demo", "other"):
        journal.add(replace(ROW, section=section))
    journal.forget(lambda row: row.section == "demo")
    assert [row.section for row in Journal(journal.path).rows] == ["other"]


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (Task(work="", who="", run=failing), "ValueError: there is no answer"),
        (Task(work="", who="", run=dying), "ended with status 3"),
        (Task(work="", who="", run=sleeping, limit_s=0.5), "limit of 0.5 s"),
        (Task(work="", who="", run=hungry, memory_mib=200), "limit of 200 MiB"),
    ],
    ids=["failing", "dying", "sleeping", "hungry"],
)
def test_a_failure_is_a_row_with_its_reason(task: Task, reason: str) -> None:
    row = run(task)
    assert row.values == {}
    assert reason in (row.failure or "")


def test_a_figure_is_the_median_over_seeds_with_its_range(journal: Journal) -> None:
    for seed, error in enumerate((3.0, 1.0, 2.5)):
        journal.add(of_demo(seed=seed, values={"error": error}))
    assert "| sum | ours | 2.5 (1 – 3) | 3 | 0.5 |" in render([DEMO], QUICK, journal)


def test_a_goal_says_by_how_much_it_is_missed(journal: Journal) -> None:
    journal.add(of_demo())
    lines = goals([DEMO], QUICK, journal).splitlines()
    assert lines[2] == "| demo | error | ≤ 1 | 2 | not met, by a factor of 2.0 |"
    assert lines[3] == "| demo | error of others | ≤ 1 |  | not measured |"


def test_a_number_without_a_limit_is_only_stated(journal: Journal) -> None:
    journal.add(of_demo())
    goal = Goal(what="error", measured=methodcaller("median", "error", who="ours"))
    lines = goals([replace(DEMO, goals=(goal,))], QUICK, journal).splitlines()
    assert lines[2] == "| demo | error |  | 2 |  |"


def test_a_goal_of_zero_says_how_far_the_figure_is_from_it(journal: Journal) -> None:
    journal.add(of_demo())
    goal = Goal(what="errors", limit=0, measured=methodcaller("median", "error", who="ours"))
    lines = goals([replace(DEMO, goals=(goal,))], QUICK, journal).splitlines()
    assert lines[2] == "| demo | errors | ≤ 0 | 2 | not met, by 2 |"


def test_a_page_gets_the_sections_that_have_marks_in_it(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(measured: Measured, path: Path) -> None:
        path.write_text(f"{len(measured.rows)} rows")

    drawn = replace(DEMO, picture=draw)
    monkeypatch.setattr(command, "SECTIONS", (drawn, replace(DEMO, name="other")))
    page = tmp_path / "page.md"
    marks = "<!-- make bench SECTION=demo: begin -->", "<!-- make bench SECTION=demo: end -->"
    page.write_text("Before.\n\n{}\n{}\n\nAfter.\n".format(*marks))
    main(["--quick", "--out", str(journal.path.parent), "--page", str(page)])
    text = page.read_text()
    assert text.startswith(f"Before.\n\n{marks[0]}\n")
    assert text.endswith(f"![a demo](page-demo.svg)\n{marks[1]}\n\nAfter.\n")
    assert "| sum | ours | 0.5 (0 – 1) | 2 |" in text
    assert (tmp_path / "page-demo.svg").read_text() == "2 rows"
    assert "![a demo](report-demo.svg)" in (journal.path.parent / "report.md").read_text()


def test_a_picture_that_cannot_be_drawn_is_left_out(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def draw(measured: Measured, path: Path) -> None:
        raise ModuleNotFoundError("No module named 'matplotlib'")

    monkeypatch.setattr(command, "SECTIONS", (replace(DEMO, picture=draw),))
    main(["--quick", "--out", str(journal.path.parent)])
    assert "demo: no picture, No module named 'matplotlib'" in capsys.readouterr().err
    assert "svg" not in (journal.path.parent / "report.md").read_text()


def test_the_report_says_how_many_rows_are_still_to_be_measured(journal: Journal) -> None:
    journal.add(of_demo())
    assert "1 of 2 rows are still to be measured" in render([DEMO], QUICK, journal)


def test_the_report_says_that_rows_are_of_other_code(journal: Journal) -> None:
    journal.add(replace(ROW, code="older"))
    assert "Measured at commit abc" in render([DEMO], QUICK, journal)


def test_the_report_shows_why_there_are_no_figures(journal: Journal) -> None:
    journal.add(of_demo(values={}, failure="ModuleNotFoundError: No module named 'kan'"))
    report = render([DEMO], QUICK, journal)
    assert "| sum | ours | 0 of 1 | 0.5 |" in report
    assert "- sum, ours, seed 0: ModuleNotFoundError" in report


def test_sections_have_names_of_their_own() -> None:
    assert len({section.name for section in SECTIONS}) == len(SECTIONS)


@pytest.mark.parametrize(
    "section",
    [section for section in SECTIONS if not section.missing(QUICK)],
    ids=lambda section: section.name,
)
def test_the_rows_of_a_section_can_be_told_apart(section: Section) -> None:
    keys = [(task.work, task.who, task.seed) for task in section.tasks(Options())]
    assert keys
    assert len(set(keys)) == len(keys)


def test_the_command_measures_a_section_and_writes_the_report(tmp_path: Path) -> None:
    main(["--section", "grid", "--who", "kan_engine", "--quick", "--out", str(tmp_path)])
    (row,) = Journal(tmp_path / "rows.jsonl").rows
    assert row.failure is None
    assert 0 < float(row.values["G=5"] or 0) < 1e-3
    assert "| all grids | kan_engine |" in (tmp_path / "report.md").read_text()


def test_an_unknown_section_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["--section", "no_such", "--out", str(tmp_path)])
    assert "no_such" in capsys.readouterr().err
