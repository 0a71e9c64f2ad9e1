"""The only loop that searches for formulas: of tables, of problems nested in them, of residuals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.trace import INTERRUPTED, TIME_LIMIT, TraceStep
from kan_engine.numerics.work import measure_work


@runtime_checkable
class Strategy(Protocol):
    """Where candidates come from.

    Attributes:
        name: Under which it is traced, timed and switched off.
        message: What it does, as the progress of a job says it; empty if it reports its own progress.
    """

    @property
    def name(self) -> str:
        """See the class."""
        ...

    @property
    def message(self) -> str:
        """See the class."""
        ...

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:
        """Yield candidates for the problem of a pool, the cheapest first."""
        ...


Condition = Callable[[Pool, Judge], str | None]
"""Why a strategy is not worth its cost; None if it is."""


@dataclass(frozen=True)
class Step:
    """A strategy, and when it is left out.

    Attributes:
        strategy: Proposes candidates.
        unless: Conditions, the cheapest first; one that holds leaves the strategy out.
        is_certain: Whether it runs also after the time is over: a result needs it.
        is_whole: Whether its candidates come together at its end, so that all of them are taken.
    """

    strategy: Strategy
    unless: tuple[Condition, ...] = ()
    is_certain: bool = False
    is_whole: bool = False

    def find_objection(self, pool: Pool, judge: Judge) -> str | None:
        """Why the strategy is not worth its cost, or no longer so; None if it is."""
        return next((reason for holds in self.unless if (reason := holds(pool, judge))), None)


def search(pool: Pool, schedule: Sequence[Step], judge: Judge) -> None:
    """Fill the pool of a problem.

    The strategies of the schedule run in order, each at most once and unless one of its conditions holds.
    Every candidate enters the pool as soon as it is proposed; once it makes a condition hold, such as that a
    law is known, the strategy ends. What ran, what it proposed and why it ended is traced.

    Args:
        pool: Of the problem; it may hold candidates and structures.
        schedule: The strategies with their conditions.
        judge: Compares candidates.
    """
    left_out = dict[str, str]()
    for step in schedule:
        name = step.strategy.name
        if name in pool.has_run or name in pool.problem.settings.without:
            continue
        is_over = not step.is_certain and pool.problem.should_stop()
        objection = TIME_LIMIT if is_over else step.find_objection(pool, judge)
        if objection is None:
            pool.has_run.add(name)
            _run(step, pool, judge)
        elif name not in left_out:
            left_out[name] = objection
            _record(pool, name, f"left out: {objection}")


def _run(step: Step, pool: Pool, judge: Judge) -> None:
    """Run one strategy until it has no more candidates, or one makes it no longer worthwhile."""
    strategy, callbacks = step.strategy, pool.problem.callbacks
    start, before, proposal_count, entry_count, outcome = callbacks.clock(), measure_work(), 0, 0, INTERRUPTED
    try:
        if strategy.message:
            callbacks.report("structure", 0.05, strategy.message)
        for candidate in strategy.propose(pool, judge):
            proposal_count, entry_count = proposal_count + 1, entry_count + pool.add(candidate)
            if (objection := step.find_objection(pool, judge)) is not None:
                outcome = objection
                break
            if not step.is_whole and not step.is_certain and callbacks.should_stop():
                outcome = TIME_LIMIT
                break
        else:
            outcome = TIME_LIMIT if callbacks.should_stop() else "all candidates proposed"
    finally:
        seconds, work = callbacks.clock() - start, measure_work() - before
        _record(pool, strategy.name, outcome, seconds, work, proposal_count, entry_count)


def _record(
    pool: Pool,
    name: str,
    outcome: str,
    seconds: float = 0.0,
    work: float = 0.0,
    proposal_count: int = 0,
    entry_count: int = 0,
) -> None:
    best = pool.best
    pool.problem.callbacks.record_step(
        TraceStep(
            strategy=name,
            path=pool.problem.path,
            seconds=seconds,
            work=work,
            proposed=proposal_count,
            entered=entry_count,
            best=None if best is None else to_text(best.tree),
            error=None if best is None else best.error,
            outcome=outcome,
        )
    )
