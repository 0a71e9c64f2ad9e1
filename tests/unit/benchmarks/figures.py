"""What the tasks of the tests do: their processes import this, and nothing that is slow to import."""

from __future__ import annotations

import os
import time

from tests.benchmarks.rows import Values


def figure(value: float) -> Values:
    return {"error": value}


def failing() -> Values:
    raise ValueError("there is no answer")


def dying() -> Values:
    os._exit(3)


def sleeping() -> Values:
    time.sleep(60)
    return {}


def hungry() -> Values:
    held = b"x" * 300_000_000
    time.sleep(60)
    return {"bytes": len(held)}
