"""Studies: the same training with different settings, side by side on all workers, and a table of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import polars as pl
from sqlalchemy.orm import Session

from service.db.repositories import Datasets, TrainedModels, TrainingJobs
from service.db.repositories.job_parts import JobParts
from service.db.tables import Job, JobStatus, Model
from service.errors import Invalid
from service.schemas.common import fingerprint
from service.schemas.study import StudyRequest
from service.schemas.training import TrainRequest
from worker.attempt import Attempt
from worker.batch import Predictions as Table
from worker.outcome import Waiting
from worker.spreadsheets import harmless

TOLD = {  # columns beside settings and metrics
    "job_id": pl.String,
    "status": pl.String,
    "model_id": pl.String,
    "model": pl.String,
    "formula": pl.String,
    "verdict": pl.String,
    "parameters": pl.Int64,
    "seconds": pl.Float64,
    "error": pl.String,
}


def do_study(attempt: Attempt) -> Table:
    """Queue the trainings of a study; once they have ended, tell what came of them.

    Raises:
        Waiting: Not all of them have ended.
        Invalid: None of them has succeeded.
    """
    request = attempt.request
    assert isinstance(request, StudyRequest)  # noqa: S101 - this is its kind
    with attempt.sessions.begin() as session:
        study = attempt.hold(session)
        jobs = JobParts(session, study).trainings() or _submitted(request, study, session)
        models = TrainedModels(session).of_jobs([job.id for job in jobs])
        name = f"{Datasets(session).get(request.dataset_id).name}-study.{request.format}"
    if not all(JobStatus(job.status).is_final for job in jobs):
        raise Waiting(f"{len(jobs)} trainings")
    _refuse_failure(jobs)
    frame = _table(request, {job.request_sha256: (job, models.get(job.id)) for job in jobs})
    file = attempt.temporary_file()
    if request.format == "csv":
        harmless(frame.lazy()).sink_csv(file)
    else:
        frame.write_parquet(file)
    return Table(file, request.format, name)


def _submitted(request: StudyRequest, study: Job, session: Session) -> list[Job]:
    """A job for every training, awaited by the study."""
    trainings = map(request.training_with, request.combinations())
    different = {_key(training): training for training in trainings}
    return [
        TrainingJobs(session).add(
            kind="train",
            request=training.model_dump(mode="json"),
            request_sha256=key,
            dataset_id=study.dataset_id,
            parent_id=study.id,
            is_awaited=True,
            priority=study.priority,
        )
        for key, training in different.items()
    ]


def _key(training: TrainRequest) -> str:
    return fingerprint(training.model_dump(mode="json"))


def _refuse_failure(jobs: Sequence[Job]) -> None:
    """A study fails if all of its trainings did."""
    failed = [job for job in jobs if job.status == JobStatus.FAILED]
    if len(failed) == len(jobs):
        first = failed[0]
        detail = f"none of the trainings has succeeded; the first: {first.error_detail}"
        raise Invalid(first.error_code or "internal_error", detail)


def _table(request: StudyRequest, made: Mapping[str, tuple[Job, Model | None]]) -> pl.DataFrame:
    """A row for every combination: its number, its settings, the metrics of its model, and what else is told.

    Args:
        request: The study.
        made: Its trainings by their keys; those that a client has deleted are missing.
    """
    combinations = list(request.combinations())
    found = [made.get(_key(request.training_with(settings)), (None, None)) for settings in combinations]
    metrics = [model.record["metrics"] if model else {} for _, model in found]
    told = [_told(job, model) for job, model in found]
    return pl.DataFrame(
        [
            pl.Series("training", range(1, len(combinations) + 1), pl.Int64),
            *(_setting(path, [settings[path] for settings in combinations]) for path in request.paths),
            *(
                pl.Series(name, [each.get(name) for each in metrics], pl.Float64)
                for name in dict.fromkeys(chain(*metrics))
            ),
            *(pl.Series(name, [row[name] for row in told], kind) for name, kind in TOLD.items()),
        ]
    )


def _told(job: Job | None, model: Model | None) -> dict[str, Any]:
    """What became of a training."""
    if job is None:
        return dict.fromkeys(TOLD) | {"status": "deleted"}
    seconds = job.finished_at - job.started_at if job.finished_at and job.started_at else None
    row: dict[str, Any] = dict.fromkeys(TOLD) | {
        "job_id": job.id,
        "status": job.status,
        "seconds": seconds and round(seconds.total_seconds(), 3),
        "error": job.error_code and f"{job.error_code}: {job.error_detail}",
    }
    if model is None:
        return row
    symbolic = model.symbolic or {"outputs": []}
    formulas = [f"{output['name']} = {output['expression']}" for output in symbolic["outputs"]]
    return row | {
        "model_id": model.id,
        "model": f"{model.name} {model.version}",
        "formula": "; ".join(formulas) or None,
        "verdict": symbolic.get("verdict"),
        "parameters": model.record["network"]["parameters"],
    }


def _setting(path: str, values: list[Any]) -> pl.Series:
    """The values of a setting; as JSON unless all are numbers, truths or texts."""
    kinds = {type(value) for value in values}
    is_plain = kinds <= {int, float} or kinds in ({bool}, {str})
    return pl.Series(path, values if is_plain else [json.dumps(value) for value in values], strict=False)
