"""The kinds of jobs that clients submit. A new one is an entry here, its admission and its handler.

``service.operations.jobs.admission`` has the check of every kind, ``worker.jobs.registry`` its handler.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from service.schemas.common import RequestModel
from service.schemas.equations import SolveRequest
from service.schemas.prediction import BatchRequest
from service.schemas.revision import SymbolicRequest
from service.schemas.study import StudyRequest
from service.schemas.training import TrainRequest

AnyRequest = TrainRequest | SymbolicRequest | BatchRequest | StudyRequest | SolveRequest


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """A kind of job.

    Attributes:
        name: The value of ``kind`` in its request.
        request: Its request.
        queue: The queue of its workers, so that workers for short jobs need not wait for trainings.
    """

    name: str
    request: type[RequestModel]
    queue: Literal["train", "short", "batch"]


JOB_KINDS: dict[str, JobKind] = {
    kind.name: kind
    for kind in (
        JobKind(name="train", request=TrainRequest, queue="train"),
        JobKind(name="symbolic", request=SymbolicRequest, queue="short"),
        JobKind(name="predict", request=BatchRequest, queue="batch"),
        JobKind(name="study", request=StudyRequest, queue="short"),
        JobKind(name="solve", request=SolveRequest, queue="train"),
    )
}
"""Every kind by its name; the first is that of a request without a kind."""
