"""Logs of every process: one line per event and its facts, as plain text or as JSON."""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson

STANDARD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}
# With text direction marks
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

_context_facts: ContextVar[dict[str, str]] = ContextVar("_known", default={})  # noqa: B039  # never changed in place


@contextmanager
def bind_facts(**facts: str) -> Iterator[None]:
    """Add facts to every line logged in the context, also in threads started from it."""
    token = _context_facts.set(_context_facts.get() | facts)
    try:
        yield
    finally:
        _context_facts.reset(token)


def current_facts() -> dict[str, str]:
    """The facts that the current context adds to every line."""
    return _context_facts.get()


class FactsFormatter(logging.Formatter):
    """Appends the fields of ``extra``: ``job claimed job_id=… attempt=1``. Escapes control characters."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        """Format the record as one line without control sequences, whatever the facts contain."""
        pairs = [f"{name}={value}" for name, value in _collect_facts(record).items()]
        line = " ".join([super().formatMessage(record), *pairs])
        return CONTROL_CHARACTERS.sub(lambda match: match[0].encode("unicode_escape").decode(), line)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object per line, with the traceback as a member."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_collect_facts(record),
        }
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure(level: int = logging.INFO, *, as_json: bool = False) -> None:
    """Log to standard error, which container platforms and terminals expect."""
    handler = logging.StreamHandler(sys.stderr)
    plain = FactsFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if as_json else plain)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in (
        "alembic",
        "celery.app.trace",
        "celery.worker.strategy",
        "httpx",
        "kombu",
        "multiprocessing",
    ):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _collect_facts(record: logging.LogRecord) -> dict[str, Any]:
    facts = {name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS}
    return _context_facts.get() | facts
