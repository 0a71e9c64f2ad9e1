"""Time that a job will still take, as a range: from earlier jobs like it, and from its own progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from service.db.repositories import Jobs
from service.db.tables import Job, JobStatus


@dataclass(frozen=True, kw_only=True)
class TimeLeftOptions:
    """Decision numbers of the estimate.

    Attributes:
        size_factor: Tables with up to this times as many cells, or as few, are similar.
        max_earlier: Earlier jobs that count; the newest are closest to today's machine.
        min_earlier: Below this number of earlier jobs, they say nothing about a range.
        own_spread: The job's own estimate may be wrong by this factor in either direction.
    """

    size_factor: float = 2.0
    max_earlier: int = 40
    min_earlier: int = 3
    own_spread: float = 2.0


OPTIONS = TimeLeftOptions()


def estimate_range(job: Job, jobs: Jobs, options: TimeLeftOptions = OPTIONS) -> list[float] | None:
    """The range of seconds in which a running job ends in four of five cases; None if nothing is known."""
    if job.status != JobStatus.RUNNING or job.started_at is None:
        return None
    earlier = jobs.list_earlier_seconds(job, factor=options.size_factor, limit=options.max_earlier)
    elapsed = jobs.measure_seconds(job)
    limit = (job.request or {}).get("max_seconds")
    return combine_estimates(
        [seconds - elapsed for seconds in earlier if seconds > elapsed],
        own=job.eta_seconds,
        fraction=job.fraction,
        at_most=max(0.0, limit - elapsed) if isinstance(limit, int | float) else None,
        options=options,
    )


def combine_estimates(
    earlier: Sequence[float],
    *,
    own: float | None,
    fraction: float,
    at_most: float | None = None,
    options: TimeLeftOptions = OPTIONS,
) -> list[float] | None:
    """The first and last decile of all estimates. The job's own weigh more the further it is.

    Args:
        earlier: Seconds that earlier jobs went on after the time that this one has taken.
        own: Seconds by the job's own progress.
        fraction: Its progress.
        at_most: Seconds until its time limit.
    """
    known = list(earlier) if len(earlier) >= options.min_earlier else []
    if own is not None:
        spread = [own / options.own_spread, own, own * options.own_spread]
        known += spread * (1 + round(len(known) * fraction))
    if not known:
        return None
    deciles = quantiles(known, n=10, method="inclusive")
    return [
        round(value if at_most is None else min(value, at_most), 1) for value in (deciles[0], deciles[-1])
    ]
