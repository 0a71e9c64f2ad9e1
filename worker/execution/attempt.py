"""Input and result of a job handler, the same for every kind of job."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol, cast

from sqlalchemy.orm import Session

from kan_engine.formulas.callbacks import TrialReport
from service.db.repositories import Datasets
from service.db.session import UNAVAILABLE_ERRORS, Sessions
from service.db.tables import Job
from service.schemas.job_kinds import AnyRequest
from service.schemas.job_requests import SubtaskRequest
from service.settings import DeviceChoice
from service.storage.stored_table import StoredTable, open_table
from worker.execution.limits import ExecutionLimits
from worker.execution.outcome import JobProgress
from worker.execution.search_recorder import SearchRecorder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """One execution of a job in this process.

    Attributes:
        job_id: The id of the job.
        request: The request of the job.
        resume: The last checkpoint of an earlier attempt; None without one.
        sessions: Opens transactions on behalf of the job's owner.
        hold: Returns the job's row, locked until the transaction ends. Raises ``JobStopped`` if another
            process holds the job.
        folder: Folder for temporary files.
        device: Where Adam trains if the job leaves it to the worker.
        files: Keeps files open until the result is stored.
        record_trial: Takes a network that was tried.
        recorder: Takes the steps of a search.
        report: Takes the progress. It may be called often: the receiver decides what to store.
        should_stop: Returns true once the time is up. Raises ``JobStopped`` if the result of this attempt
            would be discarded.
        checkpoint: Stores what a later attempt can resume from.
        begin_anew: Drops the checkpoint, and gives the job its whole time again.
        seconds_left: Returns the remaining time of the job.
        ring: Notifies workers that a job was queued.
        limits: Times and shares of the execution.
    """

    job_id: str
    request: AnyRequest | SubtaskRequest
    resume: bytes | None
    sessions: Sessions
    hold: Callable[[Session], Job]
    folder: Path
    device: DeviceChoice
    files: ExitStack
    record_trial: Callable[[TrialReport], None]
    recorder: SearchRecorder
    report: Callable[[JobProgress], None]
    should_stop: Callable[[], bool]
    checkpoint: Callable[[bytes], None]
    begin_anew: Callable[[], None]
    seconds_left: Callable[[], float]
    ring: Callable[[], None]
    limits: ExecutionLimits

    def publish(self, store: Callable[[Session, Job], object]) -> None:
        """Store the best result so far, in a transaction of its own, with the job's row locked.

        If the database cannot be reached, the job goes on without it.
        """
        try:
            with self.sessions.begin() as session:
                store(session, self.hold(session))
        except UNAVAILABLE_ERRORS as error:
            log.warning("preview not stored", extra={"job_id": self.job_id, "reason": str(error.orig)})

    def open_temporary_file(self) -> BinaryIO:
        """Open an unnamed file, for a result that does not fit in memory."""
        file = TemporaryFile(dir=self.folder)  # noqa: SIM115 - ``files`` closes it
        return cast("BinaryIO", self.files.enter_context(file))

    @contextmanager
    def open_table(self, dataset_id: str) -> Iterator[StoredTable]:
        """Open the table of a dataset. No transaction stays open inside the block."""
        with ExitStack() as stack:
            with self.sessions.read() as session:
                dataset = Datasets(session).get(dataset_id)
                table = stack.enter_context(open_table(session, dataset, self.folder))
            yield table


@dataclass(frozen=True, kw_only=True)
class StoredResult:
    """Fields of a job's row that refer to its result; see ``TrainingJobs.succeed``."""

    model_id: str | None = None
    result_sha256: str | None = None
    result_format: str | None = None
    result_name: str | None = None
    cut_by: str | None = None


class JobResult(Protocol):
    """The result of a job handler."""

    def store(self, session: Session) -> StoredResult:
        """Store the result in the transaction that ends the job; called again if that transaction fails."""
        ...


JobHandler = Callable[[Attempt], JobResult]
