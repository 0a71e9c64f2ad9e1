import logging
import sys

import pytest

from service import logs


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
