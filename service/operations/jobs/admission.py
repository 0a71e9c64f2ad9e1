"""Admission of trainings: refuse what cannot be trained, costs too much or takes too long."""

from service.db.tables import Dataset
from service.errors import Invalid
from service.operations.jobs.cost_estimate import estimate_cost, refuse_too_costly
from service.operations.jobs.training_checks import check_training
from service.schemas.training import TrainRequest
from service.settings import Settings


def refuse_untrainable(request: TrainRequest, dataset: Dataset, settings: Settings) -> None:
    """Refuse a training that this dataset does not allow, or that exceeds the limits of cost."""
    plan = check_training(request, dataset.columns, dataset.rows)
    refuse_too_costly(estimate_cost(plan), settings, request.max_seconds)


def refuse_too_long(max_seconds: float, settings: Settings) -> None:
    """Refuse a job whose ``max_seconds`` is over the limit of the service."""
    limit = settings.max_job_seconds
    if max_seconds > limit:
        detail = f"max_seconds may be at most {limit:g} here, got {max_seconds:g}; ask for less"
        entry = {"pointer": "#/max_seconds", "code": "max_seconds_too_large", "detail": detail}
        raise Invalid("max_seconds_too_large", detail, errors=[entry], limit=limit)
