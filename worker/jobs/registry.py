"""The handler of each kind of job."""

from collections.abc import Mapping

from worker.execution.attempt import Work
from worker.jobs.batch_predict import predict_dataset
from worker.jobs.study import do_study
from worker.jobs.subtask import do_part
from worker.jobs.train import training_works
from worker.pipelines.equations import solve_equations
from worker.pipelines.tabular import run_pipeline

WORKS: Mapping[str, Work] = {
    **training_works(run_pipeline),
    "predict": predict_dataset,
    "part": do_part,
    "study": do_study,
    "solve": solve_equations,
}
