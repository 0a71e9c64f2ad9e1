import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from service.cli.support.output import print_list, print_message
from service.client import Progress

ITEMS = [
    Progress(stage="a\tname\nof [bold]lines[/bold]", fraction=0.123456789),
    Progress(stage=None, fraction=1),
]
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def listed(capsys: pytest.CaptureFixture[str], as_json: bool = False, items: Any = ITEMS) -> str:
    print_list(items, as_json, ["stage", "fraction", "when"], lambda item: [item.stage, item.fraction, WHEN])
    return capsys.readouterr().out


def test_a_pipe_gets_whole_cells_between_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    time = "2026-01-02T03:04:05+00:00"
    assert listed(capsys) == f"a name of [bold]lines[/bold]\t0.123456789\t{time}\n\t1.0\t{time}\n"


def test_a_program_gets_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert [item["fraction"] for item in json.loads(listed(capsys, as_json=True))["items"]] == [
        0.123456789,
        1.0,
    ]


def test_a_name_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_message("no column 'a\x1b[2Jb\r\u202ec'\n  in größe²")
    assert capsys.readouterr().err == "no column 'a [2Jb  c'\n  in größe²\n"


def be_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TZ", "UTC")


def test_a_terminal_gets_the_columns_that_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    be_a_terminal(monkeypatch)
    print_list(ITEMS, False, ["fraction", "stage", "when"], lambda item: [item.fraction, item.stage, WHEN])
    shown = capsys.readouterr()
    assert re.sub(r"\x1b\[\d*m", "", shown.out).splitlines() == [
        "fraction  stage",
        "0.123457  a name of [bold]lines[/bold]",
        "1",
    ]
    assert shown.err == "(columns not shown: when; --json shows all)\n"


@pytest.mark.parametrize("length", [40, 41])
def test_a_cell_that_is_cut_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    be_a_terminal(monkeypatch)
    print_list(ITEMS[:1], False, ["a"], lambda _: ["x" * length])
    assert capsys.readouterr().out.splitlines()[1] == ("x" * 40 if length == 40 else "x" * 39 + "…")


def test_nothing_is_said_to_be_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    be_a_terminal(monkeypatch)
    print_list([], False, ["a"], lambda _: [])
    shown = capsys.readouterr()
    assert (shown.out, "none" in shown.err) == ("", True)
