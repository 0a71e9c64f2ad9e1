"""What the work on a job gets, and what it gives: the same for every kind of job."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol, cast

from sqlalchemy.orm import Session

from service.db.repositories import Datasets
from service.db.session import Sessions
from service.db.tables import Job
from service.schemas.jobs import AnyRequest, PartRequest
from service.storage.stored_table import Table, stored_table
from worker.execution.outcome import Progress


@dataclass(frozen=True)
class Attempt:
    """A job that this process does, and what it has to do it with.

    Attributes:
        job_id: Which job.
        request: What was asked for.
        resume: What an earlier attempt gave to ``checkpoint``.
        sessions: Transactions on behalf of the job's owner.
        hold: The job's row, locked until the transaction ends. Raises ``Stopped`` if it is not ours any more.
        folder: For temporary files.
        files: Keeps those open that have to be until the result is stored.
        report: Called often; the receiver decides what to keep.
        should_stop: Once true, time is up. Raises ``Stopped`` if nothing of this attempt will be kept.
        checkpoint: Takes what a later attempt can resume from.
        seconds_left: What the job may still take.
        ring: Tells workers that a job was queued.
    """

    job_id: str
    request: AnyRequest | PartRequest
    resume: bytes | None
    sessions: Sessions
    hold: Callable[[Session], Job]
    folder: Path
    files: ExitStack
    report: Callable[[Progress], None]
    should_stop: Callable[[], bool]
    checkpoint: Callable[[bytes], None]
    seconds_left: Callable[[], float]
    ring: Callable[[], None]

    def temporary_file(self) -> BinaryIO:
        """A file without a name, for a result that is too large for the memory."""
        file = TemporaryFile(dir=self.folder)  # noqa: SIM115 - ``files`` closes it
        return cast("BinaryIO", self.files.enter_context(file))

    @contextmanager
    def table(self, dataset_id: str) -> Iterator[Table]:
        """A dataset; no transaction stays open while it is worked on."""
        with ExitStack() as stack:
            with self.sessions.read() as session:
                dataset = Datasets(session).get(dataset_id)
                table = stack.enter_context(stored_table(session, dataset, self.folder))
            yield table


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What the row of a job tells of its result; see ``TrainingJobs.succeed``."""

    model_id: str | None = None
    result_sha256: str | None = None
    result_format: str | None = None
    result_name: str | None = None
    cut_by: str | None = None


class Result(Protocol):
    """What a job has made."""

    def keep(self, session: Session) -> Kept:
        """Store it in the transaction that ends the job; tried again if that fails."""
        ...


Work = Callable[[Attempt], Result]
