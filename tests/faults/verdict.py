"""What a chaos run is judged by: every accepted job done, each of them once, and how soon after a loss."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import quantiles

from sqlalchemy import func, select

from service.db.tables import Job, JobEvent, JobStatus, Model
from tests.faults.deployment import IDLE
from tests.faults.killer import Kill, Killer
from tests.faults.workers import Workers

LOSSES = ("child", IDLE, "worker")
BEYOND_THE_LEASE_S = 2.0  # what a recovery may take: the lease and this


@dataclass(kw_only=True)
class Verdict:
    """Counts of what must not be, and times.

    Attributes:
        requeued_s: By what was killed, the time from then until a job that lost its process was queued again.
        running_s: The same until it ran again; that a process is free, or started anew, takes part of it.
    """

    mode: str
    jobs: int
    kills: Counter[str]
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    requeued_s: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in LOSSES})
    running_s: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in LOSSES})
    goal_s: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.stuck)

    def report(self) -> str:
        """For people."""
        kills = ", ".join(f"{count} {victim}" for victim, count in sorted(self.kills.items()))
        lines = [
            f"\n{self.mode}: {self.jobs} jobs accepted; killed: {kills or 'nothing'}",
            f"  {len(self.lost)} lost, {len(self.doubled)} doubled, {len(self.stuck)} stuck",
            *(f"  {name}: {' '.join(ids)}" for name, ids in self._violations() if ids),
            f"  seconds after the loss of a worker (goal: running again within {self.goal_s:g})",
            "                                  n    50%    90%    99%    max  within goal",
            *(self._line(f"{name} killed, queued again", self.requeued_s[name]) for name in LOSSES),
            *(self._line(f"{name} killed, running again", self.running_s[name]) for name in LOSSES),
        ]
        return "\n".join(lines)

    def _violations(self) -> list[tuple[str, list[str]]]:
        return [("lost", self.lost), ("doubled", self.doubled), ("stuck", self.stuck)]

    def _line(self, name: str, seconds: list[float]) -> str:
        if len(seconds) < 2:
            return f"  {name:28} {len(seconds):5} " + "".join(f"{value:6.2f}" for value in seconds)
        cuts = quantiles(seconds, n=100, method="inclusive")
        within = sum(value <= self.goal_s for value in seconds) / len(seconds)
        return (
            f"  {name:28} {len(seconds):5} {cuts[49]:6.2f} {cuts[89]:6.2f} {cuts[98]:6.2f} "
            f"{max(seconds):6.2f}  {within:.0%}"
        )


def judge(
    mode: str,
    workers: Workers,
    accepted: Sequence[str],
    asked: int,
    killer: Killer,
    lease_s: float,
) -> Verdict:
    """Read the database, and the notes of the pipelines, when all is over."""
    trained_by: dict[str, set[int]] = {}
    verdict = Verdict(
        mode=mode,
        jobs=len(accepted),
        kills=Counter(kill.victim for kill in killer.kills),
        goal_s=lease_s + BEYOND_THE_LEASE_S,
    )
    with workers.sessions.read() as session:
        jobs = {job.id: job for job in session.scalars(select(Job))}
        models = Counter(
            dict(session.execute(select(Model.job_id, func.count()).group_by(Model.job_id)).all())
        )
        events: dict[str, list[JobEvent]] = {job_id: [] for job_id in jobs}
        for event in session.scalars(select(JobEvent).order_by(JobEvent.job_id, JobEvent.number)):
            events[event.job_id].append(event)
    numbers = {job.request["tags"]["number"]: job.id for job in jobs.values()}
    for note in workers.notes("number"):
        _, number, pid = note.split()
        trained_by.setdefault(numbers[number], set()).add(int(pid))
    for job_id in sorted(set(accepted) | jobs.keys()):
        _judge(job_id, jobs.get(job_id), models[job_id], events.get(job_id, []), verdict)
        own = [kill for kill in killer.kills if kill.children & trained_by.get(job_id, set())]
        _time(events.get(job_id, []), own, verdict)
    if len(set(accepted)) != asked or len(jobs) != asked:
        verdict.doubled.append(
            f"{asked} jobs were asked for, {len(set(accepted))} accepted, {len(jobs)} are there"
        )
    return verdict


def _judge(job_id: str, job: Job | None, models: int, events: list[JobEvent], verdict: Verdict) -> None:
    successes = sum(event.data.get("status") == JobStatus.SUCCEEDED for event in events)
    if job is None or job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        verdict.lost.append(job_id)
    elif not JobStatus(job.status).is_final:
        verdict.stuck.append(job_id)
    elif models < 1 or [event.number for event in events] != list(range(1, len(events) + 1)):
        verdict.lost.append(job_id)
    if models > 1 or successes > 1:
        verdict.doubled.append(job_id)


def _time(events: list[JobEvent], kills: Sequence[Kill], verdict: Verdict) -> None:
    """Each loss of this job, from the kill of the process that trained it."""
    began: datetime | None = None
    kill: Kill | None = None
    for event in events:
        status = event.data.get("status")
        if status == JobStatus.RUNNING:
            if kill is not None:
                verdict.running_s[kill.victim].append((event.created_at - kill.at).total_seconds())
            began, kill = event.created_at, None
        elif event.data.get("reason") == "worker_lost" and began is not None:
            kill = next((kill for kill in kills if began <= kill.at <= event.created_at), None)
            if kill is not None:
                verdict.requeued_s[kill.victim].append((event.created_at - kill.at).total_seconds())
