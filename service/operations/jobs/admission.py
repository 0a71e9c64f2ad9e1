"""What must hold before a job of each kind is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from service.db.repositories.datasets import Datasets
from service.db.repositories.revisions import read_revision
from service.db.session import Sessions
from service.db.tables import Dataset
from service.documents.column_report import read_reports
from service.documents.training_plan import TrainingPlan
from service.operations.jobs.batch_checks import check_batch
from service.operations.jobs.cost_estimate import refuse_untrainable
from service.operations.jobs.equation_checks import check_problem
from service.operations.jobs.group_checks import check_new_group
from service.operations.jobs.limits import AdmissionLimits
from service.operations.jobs.revision_checks import check_revision
from service.operations.jobs.study_checks import check_study
from service.operations.prediction.predictor_cache import PredictorCache
from service.operations.quotas import refuse_more_bytes
from service.schemas.equations import SolveRequest
from service.schemas.job_kinds import AnyRequest
from service.schemas.prediction import BatchRequest
from service.schemas.revision import SymbolicRequest
from service.schemas.study import StudyRequest
from service.schemas.training import TrainRequest
from service.settings import Settings

Training = TypeVar("Training", TrainRequest, StudyRequest)


@dataclass(frozen=True)
class AdmissionContext:
    """What checks need; ``session`` is the transaction that records the job."""

    session: Session
    sessions: Sessions
    settings: Settings
    predictors: PredictorCache
    limits: AdmissionLimits


@dataclass(frozen=True)
class AdmittedJob:
    """A request as it is stored, with names replaced by ids, and its dataset."""

    request: AnyRequest
    dataset_id: str | None


def _admit_training(request: TrainRequest, context: AdmissionContext) -> AdmittedJob:
    dataset = Datasets(context.session).hold(request.dataset_id)
    request = _add_types(request, dataset)
    refuse_untrainable(request, dataset, context.settings, context.limits)
    return AdmittedJob(request, request.dataset_id)


def _add_types(request: Training, dataset: Dataset) -> Training:
    """The training with the types that the dataset has for its columns, where it names none itself."""
    return request.model_copy(update={"types": dataset.types | request.types}) if dataset.types else request


def _separate_targets(request: StudyRequest, dataset: Dataset) -> StudyRequest:
    """A study of several targets with inputs that are none of them, unless it names its inputs."""
    if request.targets is None or request.features is not None:
        return request
    reports = {report.name: report for report in read_reports(dataset.columns)}
    plan = TrainingPlan(request, reports, dataset.rows, dataset.units)
    inputs = [report.name for report in plan.features if report.name not in request.targets]
    return request.model_copy(update={"features": inputs})


def _admit_revision(request: SymbolicRequest, context: AdmissionContext) -> AdmittedJob:
    revision = read_revision(request, context.session)
    check_revision(revision)
    if request.fit_group is not None:
        check_new_group(revision, Datasets(context.session).hold(request.fit_group.dataset_id))
    training = _admit_training(revision.request, context)
    return AdmittedJob(request.model_copy(update={"model_id": revision.model_id}), training.dataset_id)


def _admit_batch(request: BatchRequest, context: AdmissionContext) -> AdmittedJob:
    refuse_more_bytes(context.session, context.settings)
    resolved_request = check_batch(request, context.session, context.sessions, context.predictors)
    return AdmittedJob(resolved_request, request.dataset_id)


def _admit_study(request: StudyRequest, context: AdmissionContext) -> AdmittedJob:
    refuse_more_bytes(context.session, context.settings)
    dataset = Datasets(context.session).hold(request.dataset_id)
    request = _separate_targets(_add_types(request, dataset), dataset)
    check_study(request, dataset, context.settings, context.limits)
    return AdmittedJob(request, request.dataset_id)


def _admit_equations(request: SolveRequest, context: AdmissionContext) -> AdmittedJob:
    dataset_id = request.measurements.dataset_id if request.measurements else None
    dataset = Datasets(context.session).hold(dataset_id) if dataset_id else None
    check_problem(request, dataset, context.settings, context.limits)
    return AdmittedJob(request, dataset_id)


ADMISSIONS: dict[str, Callable[[Any, AdmissionContext], AdmittedJob]] = {
    "train": _admit_training,
    "symbolic": _admit_revision,
    "predict": _admit_batch,
    "study": _admit_study,
    "solve": _admit_equations,
}
"""By kind of job. Each raises an error of the service, such as ``Invalid``, if the job cannot be done."""
