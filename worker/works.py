"""What a worker does for each kind of job."""

from collections.abc import Mapping

from worker.batch import predict_dataset
from worker.execution.attempt import Work
from worker.pieces import do_part
from worker.pipelines.equations import solve_equations
from worker.pipelines.tabular import run_pipeline
from worker.study import do_study
from worker.training import training_works

WORKS: Mapping[str, Work] = {
    **training_works(run_pipeline),
    "predict": predict_dataset,
    "part": do_part,
    "study": do_study,
    "solve": solve_equations,
}
