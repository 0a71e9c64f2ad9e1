"""Whether a training is admitted: what cannot be learnt, costs too much or takes too long is refused."""

from service.db.tables import Dataset
from service.errors import Invalid
from service.operations.jobs.cost_estimate import estimate, refuse_too_costly
from service.operations.jobs.training_checks import check
from service.schemas.training import TrainRequest
from service.settings import Settings


def refuse_hopeless(request: TrainRequest, dataset: Dataset, settings: Settings) -> None:
    """Refuse what cannot be learnt from this dataset, or not at a bearable cost."""
    plan = check(request, dataset.columns, dataset.rows)
    refuse_too_costly(estimate(plan), settings, request.max_seconds)


def refuse_too_long(max_seconds: float, settings: Settings) -> None:
    """Refuse a job that may take longer than the service allows."""
    limit = settings.max_job_seconds
    if max_seconds > limit:
        detail = f"max_seconds may be at most {limit:g} here, got {max_seconds:g}; ask for less"
        entry = {"pointer": "#/max_seconds", "code": "max_seconds_too_large", "detail": detail}
        raise Invalid("max_seconds_too_large", detail, errors=[entry], limit=limit)
