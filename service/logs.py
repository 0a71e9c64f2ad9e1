"""Logs of every process: one line per event, with its facts behind it."""

import logging
import sys

PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


class FactsFormatter(logging.Formatter):
    """Appends what ``extra`` brought: ``job claimed job_id=… attempt=1``. Line breaks are escaped."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name is logging's
        """One line, whatever the facts contain."""
        facts = [f"{name}={value}" for name, value in vars(record).items() if name not in PLAIN]
        line = " ".join([super().formatMessage(record), *facts])
        return line.replace("\n", "\\n").replace("\r", "\\r")


def configure(level: int = logging.INFO) -> None:
    """Log to standard error, as container platforms and terminals expect."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FactsFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
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
