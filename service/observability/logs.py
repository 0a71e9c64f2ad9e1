"""Logs of every process: one line per event, with its facts behind it, for people or as JSON for programs."""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson

PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")  # also other line ends, and turns

_known: ContextVar[dict[str, Any]] = ContextVar("_known", default={})  # noqa: B039  # never changed in place


@contextmanager
def facts(**known: Any) -> Iterator[None]:
    """Add facts to every line that is logged within, in threads that are started from here as well."""
    token = _known.set(_known.get() | known)
    try:
        yield
    finally:
        _known.reset(token)


def known() -> dict[str, Any]:
    """The facts of every line that is logged here."""
    return _known.get()


class FactsFormatter(logging.Formatter):
    """Appends what ``extra`` brought: ``job claimed job_id=… attempt=1``. Control characters are escaped."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        """One line, whatever the facts contain, and nothing that a terminal would obey."""
        told = [f"{name}={value}" for name, value in _facts_of(record).items()]
        line = " ".join([super().formatMessage(record), *told])
        return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


class JsonFormatter(logging.Formatter):
    """One JSON object per line; a traceback is a member of it."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_facts_of(record),
        }
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure(level: int = logging.INFO, *, as_json: bool = False) -> None:
    """Log to standard error, as container platforms and terminals expect."""
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


def _facts_of(record: logging.LogRecord) -> dict[str, Any]:
    brought = {name: value for name, value in vars(record).items() if name not in PLAIN}
    return _known.get() | brought
