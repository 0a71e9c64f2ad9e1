"""Which jobs are expected to be short, so that they need not wait for long ones."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.db.repositories.jobs import Jobs
from service.db.tables import Dataset, Job
from service.operations.jobs.limits import DurationModel
from service.schemas.equations import SolveRequest
from service.schemas.job_kinds import AnyRequest
from service.schemas.prediction import BatchRequest
from service.schemas.revision import SymbolicRequest
from service.schemas.training import TrainRequest


def estimate_seconds(
    job: Job,
    request: AnyRequest,
    session: Session,
    model: DurationModel,
    *,
    choice_seconds: float = 5.0,
    start_seconds: float = 1.0,
    seconds_per_row: float = 2e-5,
    max_variables: int = 1,
    equation_seconds: float = 10.0,
) -> float | None:
    """Seconds that a new job will probably take; None if that is unknown, or long.

    A worker returns a job to the queue that takes much longer, so that a wrong guess costs little.

    Args:
        choice_seconds: To choose another formula or member of a model; measured at 0.5 to 3 s.
        start_seconds: To load a model for a file of predictions.
        seconds_per_row: To read, predict and write a row; a formula takes a tenth of it.
        max_variables: Independent variables of equations that are usually solved in seconds.
        equation_seconds: For them.
    """
    limit = float(request.max_seconds)
    if isinstance(request, SymbolicRequest):
        is_choice = not request.changes_formula and request.fit_group is None
        return min(limit, choice_seconds) if is_choice else None
    if isinstance(request, BatchRequest):
        dataset = session.get(Dataset, request.dataset_id)
        rows = dataset.rows if dataset is not None else 0
        return min(limit, start_seconds + rows * seconds_per_row)
    if isinstance(request, SolveRequest):
        is_small = len(request.independent) <= max_variables and request.hidden is None
        return min(limit, equation_seconds) if is_small and not request.measurements else None
    if isinstance(request, TrainRequest):
        earlier = Jobs(session).list_earlier_seconds(job, factor=model.size_factor, limit=model.max_earlier)
        duration = max(earlier) if len(earlier) >= model.min_earlier else limit
        return min(limit, duration)
    return None
