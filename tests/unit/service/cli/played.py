"""A service that is only played: its answers, and a client that notes what is asked of it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.client import ApiError, Dataset, Job, Model, Symbolic
from service.schemas.formulas import LawOut

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COLUMN = {"type": "number", "missing": 0, "distinct": 9, "min": 0, "max": 1, "mean": 0, "std": 1, "top": []}
DATASET = Dataset.model_validate(
    {
        "id": "d1",
        "name": "table",
        "rows": 400,
        "columns": [
            {"name": "x1", **COLUMN},
            {"name": "x2", **COLUMN},
            {"name": "note", **COLUMN, "type": "text"},
            {"name": "y", **COLUMN},
        ],
        "units": {},
        "warnings": [{"code": "id_like", "column": "x2", "row": 3, "detail": "looks like a number of rows"}],
        "sha256": "0",
        "created_at": NOW,
    }
)
JOB = Job.model_validate(
    {
        "id": "j1",
        "kind": "train",
        "priority": 0,
        "parent_id": None,
        "status": "succeeded",
        "progress": {"stage": None, "fraction": 1.0, "message": None, "eta_seconds": None},
        "dataset_id": "d1",
        "dataset_name": "law",
        "model_id": "m1",
        "error": None,
        "cut_by": "train",
        "attempt": 1,
        "retry_of": None,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW,
        "cancel_requested_at": None,
    }
)
MODEL = Model.model_validate(
    {
        "id": "m1",
        "name": "my law",
        "version": 2,
        "aliases": [],
        "job_id": "j1",
        "dataset_id": "d1",
        "task": "regression",
        "target": "y",
        "features": [],
        "ignored_columns": [],
        "units": {},
        "outputs": ["y"],
        "network": {"width": [2, 1], "grid": 5, "order": 3, "parameters": 20, "edges": 2},
        "metrics": {"rmse": 0.5, "r2": 0.9},
        "baselines": {"linear": {"metrics": {"rmse": 1.25, "r2": 0.4}, "parameters": 3, "seconds": 0.01}},
        "timings": {"train": 2.5},
        "warnings": ["column 'note' is left out: it is text"],
        "tags": {},
        "created_at": NOW,
    }
)
FORMULAS = Symbolic.model_validate(
    {
        "model_id": "m1",
        "exact": False,
        "verdict": "consistent",
        "outputs": [
            {
                "name": "y",
                "expression": "0.123456789012*x1 + x2**2",
                "latex": "",
                "symbols": {},
                "complexity": 5,
                "r2": 0.8,
                "rmse": 0.75,
                "max_error": 1.0,
                "domain": {"x1": [-1.0, 1.0]},
            }
        ],
    }
)


OF_DENSITY = FORMULAS.outputs[0].model_copy(
    update={
        "name": "p(height)",
        "expression": "exp(-height)",
        "quantity": "density",
        "r2": None,
        "rmse": None,
        "mean_log_likelihood": -3.25,
        "law": LawOut.model_validate(
            {
                "name": "normal",
                "parameters": [
                    {
                        "name": "mean",
                        "value": 171.8095,
                        "standard_error": 0.2488,
                        "low": 171.32,
                        "high": 172.3,
                    },
                    {
                        "name": "end_point",
                        "value": 1234567.0,
                        "standard_error": None,
                        "low": None,
                        "high": 2.0,
                    },
                ],
                "level": 0.95,
                "support": {"height": [None, None]},
                "p_value": 0.976,
            }
        ),
    }
)
DENSITY = MODEL.model_copy(
    update={
        "task": "density",
        "target": "p(height)",
        "metrics": {"mean_log_likelihood": -3.5, "law_mean_log_likelihood": -3.25},
        "baselines": {"kernel": {"metrics": {"mean_log_likelihood": -3.75}, "parameters": 1, "seconds": 0.5}},
        "warnings": [],
    }
)
SOLUTION = MODEL.model_copy(
    update={
        "task": "equation",
        "target": "T",
        "metrics": {"equation_residual": 4.6e-12, "condition_residual": 2e-15, "estimated_error": 3.8e-13},
        "residuals": {"equations": [{}], "conditions": [{}]},
        "parameters": {"k": {"value": 0.25461, "standard_error": 0.00254, "interval": [0.2496, 0.2596]}},
        "baselines": {},
        "warnings": [],
    }
)
STUDY = (
    "training,network.grid,network.hidden,seed,rmse,r2,job_id,status,model_id,model,formula,verdict,"
    "parameters,training_seconds,seconds,error\n"
    '1,3,"""auto""",0,0.0576031231,0.99,j2,succeeded,m2,y-1 1,y = 1.23456789*x1,consistent,42,1.5,2.25,\n'
    "2,10,[2],0,,,j3,failed,,,,,,,0.5,time_limit: no time\n"
)


class Played:
    """A client of a service whose jobs end as the test says; it notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.stored: dict[str, list[Dataset]] = {}
        self.ends: list[Job | BaseException] = [JOB]
        self.formulas: Symbolic | ApiError = FORMULAS
        self.trained = MODEL
        self.refusal: ApiError | None = None
        self.drawn: list[str] = []
        self.undrawn: str | None = None

    def upload(self, file: Path, **corrections: Any) -> Dataset:
        self.asked.append(("upload", file.name, *([corrections] if corrections else [])))
        return DATASET

    def dataset(self, reference: str) -> Dataset:
        if reference not in self.stored:
            raise ApiError(404, "dataset_not_found", "GET /datasets lists them")
        return self.stored[reference][0]

    def datasets(self, name: str) -> Iterator[Dataset]:
        return iter(self.stored[name])

    def submit(self, dataset: Dataset | None = None, target: str | None = None, **body: Any) -> Job:
        self.asked.append(("submit", target, body))
        if target == "z":
            raise ApiError(422, "unknown_column", "there is no column 'z'")
        if self.refusal:
            raise self.refusal
        return JOB.model_copy(update={"kind": body.get("kind", "train")})

    def wait(self, job: Job, timeout: float | None = None, *, progress: Any = True) -> Job:
        end = self.ends.pop(0)
        if isinstance(end, BaseException):
            raise end
        return end

    def cancel(self, job: Job, *, keep_best: bool = False) -> None:
        self.asked.append(("cancel", job.id, keep_best))

    def delete(self, thing: Any) -> None:
        self.asked.append(("delete", thing.id))

    def model(self, reference: str) -> Model:
        return self.trained

    def result(self, job: Job, path: Path) -> Path:
        path.write_text(STUDY)
        return path

    def symbolic(self, model: Model) -> Symbolic:
        if isinstance(self.formulas, ApiError):
            raise self.formulas
        return self.formulas

    def plot(self, thing: Model | Job, save: Path, name: str) -> None:
        if self.undrawn:
            raise ApiError(409, "no_plot", self.undrawn)
        self.drawn.append(name)
        save.write_text("<svg/>")
