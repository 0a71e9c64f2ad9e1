"""The handler of every kind of job in ``service.schemas.job_kinds``, and of subtasks (``part``)."""

from worker.execution.attempt import JobHandler
from worker.jobs.batch_predict import predict_dataset
from worker.jobs.study import run_study
from worker.jobs.subtask import run_subtask
from worker.jobs.train import make_training_handlers
from worker.pipelines.equations import solve_equations
from worker.pipelines.tabular import run_pipeline

HANDLERS: dict[str, JobHandler] = {
    **make_training_handlers(run_pipeline),
    "predict": predict_dataset,
    "part": run_subtask,
    "study": run_study,
    "solve": solve_equations,
}
