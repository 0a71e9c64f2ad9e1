"""The trace of a search: which strategy ran, for how long, what it proposed, and why the search ended."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

VERSION = 1
MAX_BYTES = 64_000  # of a trace as JSON, also where the JSON has ASCII characters only
MAX_CHARACTERS = 200  # of any text of a trace
TIME_LIMIT = "time limit"  # outcome of a step, and end of a search, that was asked to stop
INTERRUPTED = "interrupted"  # outcome of a step that an exception ended, such as the cancellation of a job


@dataclass(frozen=True, kw_only=True)
class TraceStep:
    """One strategy of a search, run once.

    Attributes:
        strategy: Name of the strategy.
        path: Names of the reductions inside which it ran, from the outermost; empty for the whole table.
        seconds: Time that the process of the search spent in it.
        work: Counted work, in seconds of one core; None if it was not counted. It does not depend on the
            machine, and limits the search for laws.
        proposed: Number of candidates: formulas and networks.
        entered: Number of them that entered the pool.
        best: Text of the best formula so far; None if the step knows none.
        error: Its error over the spread of the target.
        outcome: Why the step ended, or why it was left out.
    """

    strategy: str
    seconds: float = 0.0
    path: tuple[str, ...] = ()
    work: float | None = None
    proposed: int = 0
    entered: int = 0
    best: str | None = None
    error: float | None = None
    outcome: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The step as JSON: texts are shortened, and numbers that are not finite become null."""
        return asdict(self) | {
            "strategy": _shorten(self.strategy),
            "seconds": _to_finite(self.seconds) or 0.0,
            "path": [_shorten(name) for name in self.path],
            "work": _to_finite(self.work),
            "best": None if self.best is None else _shorten(self.best),
            "error": _to_finite(self.error),
            "outcome": _shorten(self.outcome),
        }


@dataclass(frozen=True)
class SearchTrace:
    """The steps of a search in the order of their ends.

    Attributes:
        ended: Why the search ended; None if that is unknown.
    """

    steps: tuple[TraceStep, ...] = ()
    ended: str | None = None

    def to_dict(self, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
        """The trace as JSON of at most ``max_bytes``; if need be without formulas and middle steps."""
        steps = [step.to_dict() for step in self.steps]
        if _measure_bytes(self._write(steps)) > max_bytes:
            steps = [step | {"best": None} for step in steps]
            steps = _drop_middle(steps, max_bytes - _measure_bytes(self._write([])))
        return self._write(steps)

    def _write(self, steps: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {
            "version": VERSION,
            "steps": list(steps),
            "ended": None if self.ended is None else _shorten(self.ended),
            "left_out": len(self.steps) - len(steps),  # after the first half of those kept
        }


def _drop_middle(steps: Sequence[dict[str, Any]], max_bytes: int) -> list[dict[str, Any]]:
    """As many of the first and the last steps as fit, in turn from both ends."""
    head, tail = list[dict[str, Any]](), list[dict[str, Any]]()
    for number in range(len(steps)):
        end, place = (head, number // 2) if number % 2 == 0 else (tail, len(steps) - 1 - number // 2)
        max_bytes -= _measure_bytes(steps[place]) + len(", ")
        if max_bytes < 0:
            break
        end.append(steps[place])
    return [*head, *reversed(tail)]


def _measure_bytes(document: Mapping[str, Any]) -> int:
    return len(json.dumps(document))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"


def _to_finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
