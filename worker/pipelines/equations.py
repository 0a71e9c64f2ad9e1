"""Jobs that solve differential equations; the result is a model that predicts the unknown functions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float
from sqlalchemy.orm import Session

from kan_engine import Expression, Formula, Predictor, Solution, SolverProgress, save
from kan_engine.assessment.formula_report import rate_formulas
from kan_engine.differential.networks.solution_network import (
    GridError,
    SolutionNetwork,
    convert_solution,
    encode_domain,
    train_on_solution,
)
from kan_engine.differential.solution import largest_violation
from kan_engine.differential.solving import (
    MeasurementsByUnknown,
    find_formulas,
    find_solution,
    select_measurements,
)
from kan_engine.differential.thresholds import EquationThresholds
from kan_engine.drawing.network_curves import describe_edges
from kan_engine.formulas.callbacks import Callbacks
from service.db.tables import Job
from service.documents.answering_member import Members
from service.documents.equations import plan_network, read_problem
from service.schemas.equations import SolveRequest
from service.schemas.formulas import SymbolicDocument
from service.schemas.members import FormulaMemberOut
from worker.execution.attempt import Attempt, StoredResult
from worker.execution.outcome import JobProgress, JobStopped, Outcome
from worker.pipelines.solution_record import make_solution_record
from worker.pipelines.thresholds import DEFAULT_EQUATION_JOB, EquationJobThresholds
from worker.results.formula_member import describe_formula_member
from worker.results.model_storage import ModelSource, store_model, store_preview
from worker.results.solution_figures import EvaluateSolution, make_solution_figures
from worker.results.symbolic_document import make_symbolic_document

TASK = "equation"


@dataclass(frozen=True)
class _SolveResult:
    """The result of a solve job: a model of the unknown functions."""

    job_id: str
    request: SolveRequest
    outcome: Outcome

    def store(self, session: Session) -> StoredResult:
        """Store the artifact and the model."""
        return store_model(self.outcome, session, self._source)

    def store_preview(self, session: Session, job: Job) -> None:
        """Store it as the best model so far."""
        store_preview(self.outcome, session, job, self._source)

    @property
    def _source(self) -> ModelSource:
        request = self.request
        return ModelSource(
            job_id=self.job_id,
            request=request,
            dataset_id=request.measurements.dataset_id if request.measurements else None,
            target=request.target,
            label="-".join(request.unknowns),
        )


def solve_equations(
    attempt: Attempt,
    thresholds: EquationJobThresholds = DEFAULT_EQUATION_JOB,
    *,
    solved_progress: float = 0.7,
    solved_progress_before_training: float = 0.4,
    comparison_points: int = 1000,
) -> _SolveResult:
    """Solve the equations, search for a law, and measure how well the equations are satisfied.

    Args:
        attempt: The job.
        thresholds: Decision numbers.
        solved_progress: Progress of the job once the functions are found.
        solved_progress_before_training: Progress once the functions are found, if a network is trained on
            them; also their share of the time.
        comparison_points: Points at which formulas are compared with the functions.

    Raises:
        NoSolution: No solution was found, or it cannot be continued.
        JobStopped: The time ran out before a solution was found.
    """
    request = attempt.request
    assert isinstance(request, SolveRequest)  # noqa: S101 - this is its kind
    start = time.monotonic()
    layer_sizes, measurements = request.hidden, _read_measurements(request, attempt)
    solving, should_stop = solved_progress, attempt.should_stop
    if layer_sizes is not None:
        solving = solved_progress_before_training
        should_stop = _make_solve_deadline(attempt, solving)
    solution, history = _find_solution(
        request, measurements, attempt.report, solving, should_stop, thresholds.equations
    )
    cut_by = "solve" if should_stop() else None
    timings = {"solve": round(time.monotonic() - start, 3)}
    # Random points of the domain, at which laws and network are compared with the solution
    points = solution.sample_points(comparison_points, seed=2)
    describe = partial(_make_outcome, request, measurements, points, thresholds=thresholds)
    preview = thresholds.preview
    if timings["solve"] > preview.after_s or request.max_seconds < preview.at_once_s:
        so_far = describe(convert_solution(solution, history), timings=timings)
        attempt.publish(_SolveResult(attempt.job_id, request, so_far).store_preview)
    attempt.report(JobProgress("symbolic", solving, "looking for an exact formula"))
    symbolic = None
    if request.symbolic and not cut_by:
        callbacks = Callbacks(should_stop=should_stop, clock=time.monotonic)
        laws = find_formulas(solution, callbacks, thresholds.equations)
        symbolic = None if laws is None else _make_symbolic_document(request.unknowns, solution, points, laws)
    if request.symbolic and should_stop():
        cut_by = cut_by or "symbolic"
    timings["symbolic"] = round(time.monotonic() - start - timings["solve"], 3)
    if layer_sizes is None:
        network = convert_solution(solution, history)
    else:
        network = _train_network(request, layer_sizes, solution, attempt, thresholds.equations)
        timings["train"] = round(time.monotonic() - start - sum(timings.values()), 3)
        cut_by = cut_by or ("train" if attempt.should_stop() else None)
    attempt.report(JobProgress("figures", 0.95, "drawing the network and the solution"))
    outcome = describe(network, symbolic=symbolic, timings=timings, should_stop=attempt.should_stop)
    return _SolveResult(attempt.job_id, request, replace(outcome, cut_by=cut_by))


def _make_outcome(
    request: SolveRequest,
    measurements: MeasurementsByUnknown,
    points: Mapping[str, Float[np.ndarray, " points"]],
    network: SolutionNetwork,
    *,
    thresholds: EquationJobThresholds,
    timings: Mapping[str, float],
    symbolic: SymbolicDocument | None = None,
    should_stop: Callable[[], bool] = lambda: True,
) -> Outcome:
    """Describe and draw the model of a solution; once ``should_stop``, without functions of its edges."""
    predictor, rows = network.make_predictor(request.target), np.stack(list(points.values()), 1)
    edges = describe_edges(
        predictor.network,
        predictor.inputs,
        predictor.encoding,
        rows,
        request.unknowns,
        should_stop,
        scaler=predictor.outputs,
    ).to_dict()
    record = make_solution_record(request, predictor, network).model_copy(
        update={"members": _make_members(predictor, symbolic, rows), "timings": timings}
    )
    return Outcome(
        artifact=save(predictor),
        record=record,
        symbolic=symbolic,
        edges=edges,
        task=TASK,
        figures=make_solution_figures(
            network.solution, _make_evaluator(predictor), request.unknowns, measurements, thresholds.figures
        ),
    )


def _make_evaluator(predictor: Predictor) -> EvaluateSolution:
    """Return a function that predicts the unknowns at all combinations of coordinates [unknowns, points]."""

    def evaluate_grid(places: Sequence[Float[np.ndarray, " _"]]) -> Float[np.ndarray, "unknowns points"]:
        # All combinations of the coordinates, one per row, as the predictor takes them
        rows = np.stack(np.meshgrid(*places, indexing="ij"), -1).reshape(-1, len(places))
        values: np.ndarray = predictor.predict(rows).reshape(len(rows), -1).T
        return values

    return evaluate_grid


def _make_solve_deadline(attempt: Attempt, share: float) -> Callable[[], bool]:
    """Return a function that becomes true once this share of the time is used."""
    # The reserve is fixed now, so that a slow solver does not take time from the training
    reserve_s = (1 - share) * attempt.seconds_left()
    return lambda: attempt.should_stop() or attempt.seconds_left() < reserve_s


def _find_solution(
    request: SolveRequest,
    measurements: MeasurementsByUnknown,
    report: Callable[[JobProgress], None],
    share: float,
    should_stop: Callable[[], bool],
    thresholds: EquationThresholds,
) -> tuple[Solution, list[GridError]]:
    """Solve the equations, and return the solution with the history of its error.

    Args:
        share: Progress of the job once the solution is found.
    """
    network, is_itself = request.network, request.hidden is None
    history = list[GridError]()

    def report_progress(progress: SolverProgress) -> None:
        message, error = "continuing the solution from its start", None
        if progress.solution is not None:
            intervals, error = progress.solution.intervals, largest_violation(progress.solution.violations)
            message = f"{' x '.join(map(str, intervals))} intervals: violation {error:.1e}"
            history.append(GridError(max(intervals), error))
        report(JobProgress("solve", share * progress.fraction, message, error))

    solution = find_solution(
        read_problem(request, [request.unknowns[place] for place in measurements], limits=thresholds.limits),
        measurements,
        residuals=[*request.equations, *(condition.residual for condition in request.conditions)],
        starts=list(request.parameters.values()),
        grid=network.grid if is_itself and network.grid != "auto" else None,
        order=network.order if is_itself and network.order != "auto" else None,
        steps=request.steps,
        thresholds=thresholds,
        should_stop=should_stop,
        report=report_progress,
    )
    if solution is None:
        raise JobStopped("no solution was found")
    return solution, history


def _train_network(
    request: SolveRequest,
    layer_sizes: list[int],
    solution: Solution,
    attempt: Attempt,
    thresholds: EquationThresholds,
    *,
    training_start: float = 0.5,
    training_end: float = 0.95,
) -> SolutionNetwork:
    """Train a network with the inner layers ``layer_sizes`` on the solution.

    Args:
        training_start, training_end: Progress at the start and at the end of the training.
    """
    shape = plan_network(request, solution.problem, layer_sizes, thresholds=thresholds.distillation)
    title = f"training a network of shape {list(shape.width)}"
    attempt.report(JobProgress("train", training_start, title))

    def report(history: Sequence[GridError]) -> None:
        fraction = training_start + (training_end - training_start) * len(history) / len(shape.grids)
        message = f"{title}: on {history[-1].grid} intervals, error {history[-1].error:.1e}"
        attempt.report(JobProgress("train", fraction, message, history[-1].error))

    return train_on_solution(
        solution, shape, steps=request.steps, should_stop=attempt.should_stop, report=report
    )


def _read_measurements(request: SolveRequest, attempt: Attempt) -> MeasurementsByUnknown:
    """Read the measurements of the unknowns, by index of the unknown; empty without measurements."""
    if request.measurements is None:
        return {}
    dataset_id, columns = request.measurements.dataset_id, request.measurements.columns or {}
    names = [*request.independent, *request.unknowns]
    if dataset_id is None:
        values = {name: np.array(columns[name], dtype=float) for name in names if name in columns}
    else:
        with attempt.open_table(dataset_id) as table:
            values = {name: table.column(name).astype(float) for name in names if name in table.types}
    return select_measurements(values, request.independent, request.unknowns)


def _make_symbolic_document(
    unknowns: Sequence[str],
    solution: Solution,
    points: Mapping[str, Float[np.ndarray, " points"]],
    laws: Sequence[Expression],
) -> SymbolicDocument | None:
    # The numerical solution is the truth that the laws are rated on
    values = dict(zip(unknowns, solution.values(points), strict=True))
    formulas = {name: [Formula(law, 0.0)] for name, law in zip(unknowns, laws, strict=True)}
    sides = zip(solution.problem.independent, solution.problem.domain, strict=True)
    report = rate_formulas(formulas, points, values, seen={name: np.array(ends) for name, ends in sides})
    if report is None:
        return None
    # Residuals of the laws themselves, free of the error of the numerical solution
    by_equation, by_condition = solution.law_violations(laws)
    facts = {
        "exact": not solution.estimates,
        "verdict": "consistent" if solution.estimates else "exact",
        "measured_on": "points of the domain",
        "equation_residual": max(violation.relative for violation in by_equation),
        "condition_residual": max((violation.relative for violation in by_condition), default=0.0),
    }
    return make_symbolic_document(report, encode_domain(solution)).model_copy(update=facts)


def _make_members(
    predictor: Predictor, symbolic: SymbolicDocument | None, points: Float[np.ndarray, "points variables"]
) -> dict[str, FormulaMemberOut]:
    """Return the entry of the laws among the members of the model; empty without laws."""
    if symbolic is None:
        return {}
    formula = Members.build(predictor, symbolic.to_json()).formula
    if formula is None:
        return {}
    metrics = {
        "equation_residual": symbolic.equation_residual,
        "condition_residual": symbolic.condition_residual,
    }
    return describe_formula_member(symbolic, metrics, predictor, formula, points)
