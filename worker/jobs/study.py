"""Studies: the same training with different settings, in parallel on all workers, and a table of results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import polars as pl
from sqlalchemy.orm import Session

from kan_engine.fingerprint import fingerprint
from service.db.repositories import Datasets, Jobs, TrainedModels
from service.db.repositories.subtasks import JobSubtasks
from service.db.tables import Job, JobStatus, Model
from service.errors import Invalid
from service.schemas.study import GRID_PATH, StudyRequest, summarize_training
from service.schemas.training import TrainRequest
from worker.execution.attempt import Attempt
from worker.execution.outcome import JobWaiting
from worker.jobs.batch_predict import ResultFile as Table
from worker.jobs.csv_injection import neutralize_formulas

RESULT_COLUMNS = {  # columns in addition to settings and metrics
    "job_id": pl.String,
    "status": pl.String,
    "model_id": pl.String,
    "model": pl.String,
    "formula": pl.String,
    "verdict": pl.String,
    "parameters": pl.Int64,
    "training_seconds": pl.Float64,
    "seconds": pl.Float64,
    "error": pl.String,
}


def run_study(attempt: Attempt) -> Table:
    """Queue the trainings of a study; once they have ended, write the table of their results.

    Raises:
        JobWaiting: Some trainings have not ended.
        Invalid: No training has succeeded.
    """
    request = attempt.request
    assert isinstance(request, StudyRequest)  # noqa: S101 - this is its kind
    with attempt.sessions.begin() as session:
        study = attempt.hold(session)
        jobs = JobSubtasks(session, study).trainings() or _submit_trainings(request, study, session)
        models = TrainedModels(session).find_by_jobs([job.id for job in jobs])
        name = f"{Datasets(session).get(request.dataset_id).name}-study.{request.format}"
    if not all(JobStatus(job.status).is_final for job in jobs):
        raise JobWaiting(f"{len(jobs)} trainings")
    _raise_if_all_failed(jobs)
    frame = _build_table(request, {job.request_sha256: (job, models.get(job.id)) for job in jobs})
    file = attempt.open_temporary_file()
    if request.format == "csv":
        neutralize_formulas(frame.lazy()).sink_csv(file)
    else:
        frame.write_parquet(file)
    return Table(file, request.format, name)


def _submit_trainings(request: StudyRequest, study: Job, session: Session) -> list[Job]:
    """Queue a job for every distinct training; the study waits for them."""
    trainings = map(request.make_training, request.combinations())
    different = {_request_key(training): training for training in trainings}
    return [
        Jobs(session).add(
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


def _request_key(training: TrainRequest) -> str:
    return fingerprint(training.model_dump(mode="json"))


def _raise_if_all_failed(jobs: Sequence[Job]) -> None:
    """Raise ``Invalid`` if all trainings of a study have failed."""
    failures = [job for job in jobs if job.status == JobStatus.FAILED]
    if len(failures) == len(jobs):
        failure = failures[0]
        detail = f"none of the trainings has succeeded; error of the first: {failure.error_detail}"
        raise Invalid(failure.error_code or "internal_error", detail)


def _build_table(request: StudyRequest, trainings: Mapping[str, tuple[Job, Model | None]]) -> pl.DataFrame:
    """Build the table of a study.

    It has a row for every combination, with number, settings, metrics, ``RESULT_COLUMNS`` and baselines.

    Args:
        request: The study.
        trainings: Its trainings by their keys, without those that a client has deleted.
    """
    combinations = list(request.combinations())
    rows = [
        _make_row(trainings.get(_request_key(request.make_training(settings))), _row_grid(request, settings))
        for settings in combinations
    ]
    return pl.DataFrame(
        [
            pl.Series("training", range(1, len(combinations) + 1), pl.Int64),
            *(
                _make_setting_column(path, [settings[path] for settings in combinations])
                for path in request.paths
            ),
            *_number_columns([row.metrics for row in rows]),
            *(
                pl.Series(name, [row.told[name] for row in rows], kind)
                for name, kind in RESULT_COLUMNS.items()
            ),
            *_number_columns([row.baselines for row in rows]),
        ]
    )


def _row_grid(request: StudyRequest, settings: Mapping[str, Any]) -> int | None:
    """Return the grid of a row if the networks are refined through several grids, else None."""
    return settings[GRID_PATH] if request.refine else None


def _number_columns(rows: Sequence[Mapping[str, float | None]]) -> list[pl.Series]:
    """Return a column of numbers for every name in the rows."""
    names = dict.fromkeys(chain(*rows))
    return [pl.Series(name, [row.get(name) for row in rows], pl.Float64) for name in names]


@dataclass(frozen=True)
class _StudyRow:
    """Result of a training, or of a network on one grid.

    Attributes:
        told: Values of ``RESULT_COLUMNS``.
        metrics: Metrics on the hold-out rows.
        baselines: Metrics of the baselines on the same rows, with names like ``linear.rmse``.
    """

    told: dict[str, str | float | None]
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    baselines: Mapping[str, float | None] = field(default_factory=dict)


def _make_row(training: tuple[Job, Model | None] | None, grid: int | None) -> _StudyRow:
    if training is None:
        return _StudyRow(dict.fromkeys(RESULT_COLUMNS) | {"status": "deleted"})
    job, model = training
    seconds = job.finished_at - job.started_at if job.finished_at and job.started_at else None
    facts: dict[str, str | float | None] = dict.fromkeys(RESULT_COLUMNS) | {
        "job_id": job.id,
        "status": job.status,
        "seconds": seconds and round(seconds.total_seconds(), 3),
        "error": job.error_code and f"{job.error_code}: {job.error_detail}",
    }
    if model is None:
        return _StudyRow(facts)
    summary = summarize_training(model.record, grid)
    if summary is None:
        return _StudyRow(
            facts | {"error": f"time_limit: there was no time for grid {grid}; raise max_seconds"}
        )
    facts |= {"parameters": summary.parameters, "training_seconds": summary.seconds}
    if grid is None or grid == model.record["network"]["grid"]:
        facts |= _model_columns(model)
    return _StudyRow(facts, summary.metrics, _flatten_baselines(summary.baselines))


def _model_columns(model: Model) -> dict[str, str | None]:
    """Return the columns that describe the model of a training."""
    symbolic = model.symbolic or {"outputs": []}
    formulas = [f"{output['name']} = {output['expression']}" for output in symbolic["outputs"]]
    return {
        "model_id": model.id,
        "model": f"{model.name} {model.version}",
        "formula": "; ".join(formulas) or None,
        "verdict": symbolic.get("verdict"),
    }


def _flatten_baselines(baselines: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """Flatten metrics, parameters and seconds of baselines to names like ``linear.rmse``."""
    return {
        f"{name}.{what}": value
        for name, baseline in baselines.items()
        for what, value in {
            **baseline["metrics"],
            "parameters": baseline["parameters"],
            "seconds": baseline["seconds"],
        }.items()
    }


def _make_setting_column(path: str, values: list[Any]) -> pl.Series:
    """Return the column of a setting: JSON texts, unless all values are numbers, Booleans or texts."""
    kinds = {type(value) for value in values}
    is_plain = kinds <= {int, float} or kinds in ({bool}, {str})
    return pl.Series(path, values if is_plain else [json.dumps(value) for value in values], strict=False)
