"""The handler of every kind of job in ``service.schemas.job_kinds``, and of subtasks (``part``)."""

from functools import partial

from worker.execution.attempt import JobHandler
from worker.jobs.batch_predict import DEFAULT_BATCH, BatchLimits, predict_dataset
from worker.jobs.study import run_study
from worker.jobs.subtask import run_subtask
from worker.jobs.train import make_training_handlers
from worker.pipelines.equations import solve_equations
from worker.pipelines.tabular import run_pipeline
from worker.pipelines.thresholds import (
    DEFAULT_EQUATION_JOB,
    DEFAULT_PIPELINE,
    EquationJobThresholds,
    PipelineThresholds,
)


def make_handlers(
    pipeline: PipelineThresholds = DEFAULT_PIPELINE,
    equations: EquationJobThresholds = DEFAULT_EQUATION_JOB,
    batch: BatchLimits = DEFAULT_BATCH,
) -> dict[str, JobHandler]:
    """Return the handlers by kind of job, with their decision numbers."""
    return {
        **make_training_handlers(partial(run_pipeline, thresholds=pipeline)),
        "predict": partial(predict_dataset, limits=batch),
        "part": run_subtask,
        "study": run_study,
        "solve": partial(solve_equations, thresholds=equations),
    }


HANDLERS = make_handlers()
