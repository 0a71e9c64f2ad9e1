"""Queries about jobs; nothing here changes one."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Float, and_, cast, exists, func, or_, select
from sqlalchemy.orm import Session, undefer

from service.db.repositories.fair_share import is_waiting
from service.db.repositories.lists import ALL, ListFilter, select_page
from service.db.session import clock
from service.db.tables import SUBTASK_KIND, Dataset, Job, JobEvent, JobStatus, JobTrace
from service.errors import NotFound

FINAL = tuple(status for status in JobStatus if status.is_final)
BEGINS_ANEW = "begins_anew"  # reason of an event: no attempt before it counts
UNFINISHED = tuple(status for status in JobStatus if not status.is_final)
MIN_SAME_TABLE = 3  # jobs on the same table that say more than others on similar ones
WITH_DATASET_NAME = undefer(Job.dataset_name)  # loads the dataset's name in the same query


class JobQueries:
    """Jobs and their events."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, job_id: str) -> Job:
        """The job with this id.

        Raises:
            NotFound: There is none.
        """
        return require_visible(self._session.get(Job, job_id, options=[WITH_DATASET_NAME]), job_id)

    def load_dataset_name(self, job: Job) -> Job:
        """The job, with the name of its dataset loaded."""
        self._session.refresh(job, ["dataset_name"])
        return job

    def page(
        self, filters: ListFilter = ALL, *, limit: int, after: str | None = None, **columns: str | None
    ) -> Sequence[Job]:
        """Up to ``limit + 1`` jobs that come after the job ``after``; see ``select_page``.

        A search looks into the names of their models, their targets, and their datasets.

        Args:
            filters: Filters and order.
            limit: Jobs of a page.
            after: Id of the last job of the page before.
            columns: Values of columns, None for any: ``status``, ``kind``, ``dataset_id``; ``name`` of the
                model, and ``model_id`` of a model that a job made or uses.
        """
        name, model_id = columns.pop("name", None), columns.pop("model_id", None)
        jobs = select(Job).where(Job.kind != SUBTASK_KIND).options(WITH_DATASET_NAME)
        for column, value in columns.items():
            jobs = jobs if value is None else jobs.where(getattr(Job, column) == value)
        if name is not None:
            jobs = jobs.where(Job.request["name"].as_string() == name)
        if model_id is not None:
            references = [Job.request[member].as_string() == model_id for member in ("model", "model_id")]
            jobs = jobs.where(or_(Job.model_id == model_id, *references))
        return select_page(
            self._session,
            jobs,
            Job,
            filters,
            tags=Job.request["tags"],
            limit=limit,
            after=after,
            parents=[Job.dataset_id],
        )

    def list_earlier_seconds(self, job: Job, *, factor: float, limit: int) -> list[float]:
        """Durations of the newest succeeded jobs like this one, which had at least as much time.

        They have its kind, and a table with as many cells up to a factor; if there are three on the same
        table, only these.
        """
        is_postgresql = self._session.get_bind().dialect.name == "postgresql"
        count = func.jsonb_array_length if is_postgresql else func.json_array_length
        cells = cast(Dataset.rows, Float) * count(Dataset.columns)
        cell_count = self._session.scalar(select(cells).where(Dataset.id == job.dataset_id))
        if cell_count is None:
            return []
        is_similar = cells.between(cell_count / factor, cell_count * factor)
        query = select(Job.dataset_id, Job.started_at, Job.finished_at, Job.request["max_seconds"].as_float())
        query = query.join(Dataset, Dataset.id == Job.dataset_id)
        query = query.where(Job.kind == job.kind, Job.status == JobStatus.SUCCEEDED, is_similar)
        rows = self._session.execute(query.order_by(Job.id.desc()).limit(limit)).all()
        limit_s = job.request.get("max_seconds") or 0.0
        durations = [
            (dataset_id, (finished_at - started_at).total_seconds())
            for dataset_id, started_at, finished_at, given_s in rows
            if started_at and finished_at and (given_s is None or given_s >= limit_s)
        ]
        matches = [seconds for dataset_id, seconds in durations if dataset_id == job.dataset_id]
        return matches if len(matches) >= MIN_SAME_TABLE else [seconds for _, seconds in durations]

    def measure_seconds(self, job: Job) -> float:
        """Time since the start of a job."""
        return (clock(self._session) - job.started_at).total_seconds() if job.started_at else 0.0

    def kind_of(self, job_id: str) -> str | None:
        """Kind of a job; None if it has been deleted."""
        return self._session.scalar(select(Job.kind).where(Job.id == job_id))

    def is_any_queued(self, kinds: Collection[str], max_seconds: float | None = None) -> bool:
        """Whether a job of these kinds is queued, of those estimated at ``max_seconds`` at most."""
        return bool(self._session.scalar(select(exists().where(is_waiting(Job, kinds, max_seconds)))))

    def count_queued_before(self, job: Job, kinds: Collection[str]) -> int:
        """Queued jobs of these kinds and of the same tenant that come before this one; see ``fair_share``."""
        age, own_age = func.coalesce(Job.parent_id, Job.id), job.parent_id or job.id
        is_before = or_(
            Job.priority > job.priority,
            and_(Job.priority == job.priority, age < own_age),
            and_(Job.priority == job.priority, age == own_age, Job.id < job.id),
        )
        query = select(func.count()).where(is_waiting(Job, kinds), Job.tenant == job.tenant, is_before)
        return int(self._session.scalar(query) or 0)

    def measure_stall(self) -> timedelta:
        """How long queued jobs have waited while no job runs; zero if none is queued or one runs."""
        at_work = exists().where(Job.status == JobStatus.RUNNING, Job.token.is_not(None))
        queued_ids = select(Job.id).where(Job.status == JobStatus.QUEUED)
        if self._session.scalar(select(at_work)) or self._session.scalar(queued_ids.limit(1)) is None:
            return timedelta()
        since = select(func.max(JobEvent.created_at).label("at")).where(JobEvent.job_id.in_(queued_ids))
        waiting = since.group_by(JobEvent.job_id).subquery()
        newest = (
            select(func.min(waiting.c.at)),
            select(func.max(Job.started_at)),
            select(func.max(Job.finished_at)),
        )
        times = [at for query in newest if (at := self._session.scalar(query)) is not None]
        return max(timedelta(), clock(self._session) - max(times)) if times else timedelta()

    def list_unpublished(self, *, again_after_s: float, limit: int = 100) -> Sequence[tuple[str, str]]:
        """Ids and kinds of queued jobs never sent to the queue, or sent long ago: messages may be lost."""
        long_ago = clock(self._session) - timedelta(seconds=again_after_s)
        silent = or_(Job.published_at.is_(None), Job.published_at < long_ago)
        waiting = select(Job.id, Job.kind).where(Job.status == JobStatus.QUEUED, silent)
        oldest = self._session.execute(waiting.order_by(Job.created_at).limit(limit))
        return [(job_id, kind) for job_id, kind in oldest]

    def get_tokens(self, job_ids: Sequence[str]) -> dict[str, str]:
        """Tokens of the running jobs among these."""
        running = select(Job.id, Job.token).where(Job.id.in_(job_ids), Job.status == JobStatus.RUNNING)
        return {job_id: token for job_id, token in self._session.execute(running) if token is not None}

    def has_subtasks(self, job_id: str) -> bool:
        """Whether a job has subtasks or trainings."""
        return bool(self._session.scalar(select(exists().where(Job.parent_id == job_id))))

    def seconds_worked(self, job_id: str) -> tuple[float, float]:
        """Running time of a job by its events: of earlier attempts, and of the present one.

        The time before a job began anew does not count.
        """
        query = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.kind == "status")
        earlier, since = 0.0, None
        for event in self._session.scalars(query.order_by(JobEvent.number)):
            if event.data.get("reason") == BEGINS_ANEW:
                earlier, since = 0.0, event.created_at
            elif since is not None and event.data["status"] == JobStatus.QUEUED:
                earlier, since = earlier + (event.created_at - since).total_seconds(), None
            elif since is None and event.data["status"] == JobStatus.RUNNING:
                since = event.created_at
        return earlier, (clock(self._session) - since).total_seconds() if since else 0.0

    def find_last_stage(self, job_id: str) -> str | None:
        """The stage that any attempt of a job reported last."""
        query = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.kind == "progress")
        event = self._session.scalar(query.order_by(JobEvent.number.desc()).limit(1))
        return None if event is None else event.data.get("stage")

    def events(self, job_id: str, *, after: int = 0, limit: int) -> Sequence[JobEvent]:
        """Up to ``limit + 1`` events, in order, from the one after number ``after``."""
        events = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.number > after)
        return self._session.scalars(events.order_by(JobEvent.number).limit(limit + 1)).all()

    def find_trace(self, job_id: str) -> dict[str, Any]:
        """The trace of the search of a job; empty if there is none."""
        trace = self._session.get(JobTrace, job_id)
        return {} if trace is None else trace.document

    def newest_events(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Number of the newest event of each of these jobs."""
        newest = select(JobEvent.job_id, func.max(JobEvent.number)).where(JobEvent.job_id.in_(job_ids))
        rows = self._session.execute(newest.group_by(JobEvent.job_id))
        return {job_id: number or 0 for job_id, number in rows}

    def list_blobs(self, job: Job) -> list[str]:
        """Hashes of the blobs to which only this job refers; whoever deletes the row releases them."""
        return [sha256 for sha256 in (job.checkpoint_sha256, job.result_sha256) if sha256 is not None]


def require_visible(job: Job | None, job_id: str) -> Job:
    """The job, if clients may see it.

    Raises:
        NotFound: There is none, or it is a subtask.
    """
    if job is None or job.kind == SUBTASK_KIND:
        raise NotFound("job_not_found", f"there is no job {job_id!r}; GET /jobs lists them")
    return job
