import json
import logging
import sys

import pytest

from service.observability import logs


def line(message: str, **facts: object) -> str:
    formatter = logs.FactsFormatter("%(levelname)s %(name)s: %(message)s")
    record = logging.getLogger("test").makeRecord(
        "test", logging.INFO, __file__, 1, message, (), None, extra=facts
    )
    return formatter.format(record)


def test_a_line_is_an_event_and_its_facts() -> None:
    assert line("job claimed", job_id="j", attempt=2) == "INFO test: job claimed job_id=j attempt=2"


def test_what_a_client_sent_cannot_forge_a_line() -> None:
    assert line("read", file="a\n2026-01-01 ERROR\rfake").splitlines() == [
        r"INFO test: read file=a\n2026-01-01 ERROR\rfake"
    ]


def test_logs_go_to_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    logs.configure(logging.WARNING)
    assert [type(h.formatter) for h in root.handlers] == [logs.FactsFormatter]
    assert root.handlers[0].stream is sys.stderr  # type: ignore[attr-defined]
    assert root.level == logging.WARNING


def test_lines_for_programs_are_json_with_all_facts() -> None:
    record = logging.getLogger("test").makeRecord(
        "test", logging.WARNING, __file__, 1, "job %s", ("lost",), None, extra={"job_id": "j", "at": {1: 2}}
    )
    with logs.bind_facts(request_id="r"):
        document = json.loads(logs.JsonFormatter().format(record))
    assert document.pop("time").endswith("+00:00")
    assert document == {
        "level": "warning",
        "logger": "test",
        "message": "job lost",
        "request_id": "r",
        "job_id": "j",
        "at": {"1": 2},
    }


def test_a_traceback_stays_on_its_line() -> None:
    try:
        int("a\nb")
    except ValueError:
        record = logging.getLogger("test").makeRecord(
            "test", logging.ERROR, __file__, 1, "failed", (), sys.exc_info()
        )
    text = logs.JsonFormatter().format(record)
    assert "\n" not in text
    assert "ValueError: invalid literal" in json.loads(text)["traceback"]


def test_facts_are_told_within_their_block_and_in_blocks_within_it() -> None:
    with logs.bind_facts(job_id="j"), logs.bind_facts(request_id="r"):
        assert line("read") == "INFO test: read job_id=j request_id=r"
    assert line("read") == "INFO test: read"
