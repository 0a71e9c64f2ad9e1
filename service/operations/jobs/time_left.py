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
        own_spread: Beside earlier jobs, the job's own estimate may be wrong by this factor in either
            direction.
        first_spread: Without them it may take longer by this factor over its progress: where a quick search
            finds no law, the training of large networks follows. With 6, 78 % of the estimates of 120 jobs
            were right (with ``own_spread`` alone 62 %, and 33 % of the jobs took longer).
        min_fraction: Progress below which this factor does not grow.
    """

    size_factor: float = 2.0
    max_earlier: int = 40
    min_earlier: int = 3
    own_spread: float = 2.0
    first_spread: float = 6.0
    min_fraction: float = 0.1


OPTIONS = TimeLeftOptions()


def estimate_range(job: Job, jobs: Jobs, options: TimeLeftOptions = OPTIONS) -> list[float] | None:
    """The range of seconds in which a running job ends in four of five cases; None if nothing is known."""
    if job.status != JobStatus.RUNNING or job.started_at is None:
        return None
    earlier = jobs.list_earlier_seconds(job, factor=options.size_factor, limit=options.max_earlier)
    elapsed_s = jobs.measure_seconds(job)
    limit = (job.request or {}).get("max_seconds")
    return combine_estimates(
        [seconds - elapsed_s for seconds in earlier if seconds > elapsed_s],
        eta_s=job.eta_seconds,
        fraction=job.fraction,
        at_most=max(0.0, limit - elapsed_s) if isinstance(limit, int | float) else None,
        options=options,
    )


def combine_estimates(
    earlier: Sequence[float],
    *,
    eta_s: float | None,
    fraction: float,
    at_most: float | None = None,
    options: TimeLeftOptions = OPTIONS,
) -> list[float] | None:
    """The first and last decile of all estimates. The job's own weigh more the further it is.

    Args:
        earlier: Seconds that earlier jobs went on after the time that this one has taken.
        eta_s: Seconds by the job's own progress.
        fraction: Its progress.
        at_most: Seconds until its time limit.
    """
    estimates = list(earlier) if len(earlier) >= options.min_earlier else []
    if eta_s is not None:
        factor = options.first_spread / max(fraction, options.min_fraction)
        spread = [eta_s / options.own_spread, eta_s, eta_s * (options.own_spread if estimates else factor)]
        estimates += spread * (1 + round(len(estimates) * fraction))
    if not estimates:
        return None
    deciles = quantiles(estimates, n=10, method="inclusive")
    return [
        round(value if at_most is None else min(value, at_most), 1) for value in (deciles[0], deciles[-1])
    ]
