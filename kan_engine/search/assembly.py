"""From the result of a search to a model: predictor, decision rule, formulas, and which of them answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.form_report import FormReport
from kan_engine.assessment.formula_report import FormulaReport, rate_formulas
from kan_engine.assessment.log_losses import add_log_losses
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TargetScaler, add_bounds, limit_bounds
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.evaluation import Expression, Number, is_affine, variables
from kan_engine.expressions.unit_system import make_unit_system
from kan_engine.formulas.core.losses import cross_validation_losses, is_no_worse
from kan_engine.formulas.forms.intervals import LEVEL
from kan_engine.inference.decision_rule import Decision, calibrate_on_validation_, choose_decision
from kan_engine.inference.formula_predictor import FormulaPredictor
from kan_engine.inference.network_member import NetworkMember
from kan_engine.inference.predictor import Predictor
from kan_engine.inference.rivals_predictor import RivalsPredictor
from kan_engine.search.compact_member import make_compact_member
from kan_engine.search.formulas.form import FREE_FORMULA
from kan_engine.search.result import GridStage, SearchResult
from kan_engine.search.thresholds import SearchThresholds


def assemble_predictor(
    result: SearchResult, data: TrainingData, *, max_curves: int = 20
) -> tuple[Predictor, Decision | None]:
    """The complete predictor from client columns to answers, and the decision rule of a classifier.

    Args:
        result: The result of the search.
        data: The rows.
        max_curves: Largest number of curves of the compact network that predicts.
    """
    predictor, decision = _assemble_accurate(result, data)
    if result.linear is not None:
        predictor = replace(predictor, linear=_bound_line(result.linear, result.answers == "linear", data))
    if result.compact is None:
        return predictor, decision
    member = make_compact_member(
        result.compact, predictor, data, max_curves, serves=result.answers == "compact"
    )
    return replace(predictor, compact=member), decision


def _assemble_accurate(result: SearchResult, data: TrainingData) -> tuple[Predictor, Decision | None]:
    scaler = _bound_answers(result.scaler, data, is_straight=result.is_straight)
    predictor = Predictor.from_training(data, result.network, result.inputs, scaler)
    # Decision rule and residuals need predictions of rows that the network was not fitted to
    fit_predictor = replace(predictor, network=result.judged)
    if data.classes is not None:
        decision = choose_decision(fit_predictor, data)
        return replace(predictor, decision_weights=decision.weights), decision
    return replace(predictor, residuals=_compute_residuals(result, fit_predictor, data)), None


def _bound_line(line: NetworkMember, serves: bool, data: TrainingData) -> NetworkMember:
    path = replace(line.path, scaler=_bound_answers(line.path.scaler, data, is_straight=True))
    return replace(line, path=path, serves=serves)


def _bound_answers(
    scaler: TargetScaler | None, data: TrainingData, *, is_straight: bool
) -> TargetScaler | None:
    """The scale with bounds of the answers; a line has only those that were wished."""
    if scaler is None:
        return None
    if not (is_straight and scaler.transform == "identity"):
        scaler = add_bounds(scaler, data.training.y)
    return limit_bounds(scaler, data.bounds)


def _compute_residuals(
    result: SearchResult, fit_predictor: Predictor, data: TrainingData
) -> Float[np.ndarray, " residuals"]:
    """Sorted out-of-sample absolute errors: of all training rows if known, else of the validation rows."""
    # Cross-validated errors cover all training rows and need no correction for the selection
    if len(result.errors) and np.isfinite(result.errors).all():
        return np.sort(result.errors)
    residuals = np.abs(fit_predictor.predict(data.validation.x) - data.validation.y)
    if not np.isfinite(residuals).all():  # the network is not finite at some validation row
        return np.zeros(0)  # without residuals there are no intervals
    return np.sort(residuals) if result.contest is None else result.contest.correct_errors(residuals)


def assemble_stage(
    stage: GridStage, result: SearchResult, data: TrainingData, thresholds: SearchThresholds
) -> tuple[Predictor, Decision | None]:
    """The predictor of a network on one of its grids, and the decision rule of a classifier.

    The probabilities of the network are calibrated, in place.
    """
    predictor = Predictor.from_training(data, stage.network, result.inputs, result.scaler)
    if data.classes is None:
        return predictor, None
    calibrate_on_validation_(stage.network, stage.network, result.inputs, data, thresholds.inference)
    decision = choose_decision(predictor, data)
    return replace(predictor, decision_weights=decision.weights), decision


def report_formulas(
    result: SearchResult, predictor: Predictor, data: TrainingData, *, seed: int, thresholds: SearchThresholds
) -> FormulaReport | None:
    """Formulas rated on the hold-out rows, or on the training rows if none are held out.

    A classifier's formulas are those of its log-odds. They are rated against the network's log-odds, clamped
    to ``±max_log_odds``, beyond which probabilities hardly differ.
    """
    part = data.test if len(data.test) else data.training
    outputs = data.output_names
    if len(result.formulas) != len(outputs):
        return None
    # Formulas of a classifier are measured against the log-odds of the network, not against labels
    targets = compute_formula_targets(predictor, part, thresholds.max_log_odds)
    report = rate_formulas(
        dict(zip(outputs, result.formulas, strict=True)),
        part.columns,
        dict(zip(outputs, targets.T, strict=True)),
        quantity="value" if data.classes is None else "log-odds" if len(outputs) == 1 else "logit",
        evidence=result.evidence,
        learnt={outputs[0]: data.training.y} if data.classes is None else None,
        seen=data.training.columns,
        rows=data.training if data.classes is None else None,
        rivals=result.rivals,
        max_exact_error=thresholds.assessment.max_exact_error,
    )
    if report is None:
        return None
    if data.classes is not None:
        report = add_log_losses(report, part)
    form = _report_form(result, report)
    report = replace(report, measured_on="hold-out" if len(data.test) else "training")
    if form is not None:
        report = report.add_form(form)
    target = data.target if data.classes is None else None
    units = make_unit_system(data.units, target, "check", data.encoding.indicators)
    if units is not None:
        report = report.add_units(units)
    # Without evidence a formula is at least compared with a constant
    is_unrated = report.evidence is None and not report.is_exact
    if is_unrated and all(_is_weak(tree, data, seed) for tree in report.trees):
        report = replace(report, verdict="weak")
    if result.answers == "formula" and report.verdict != "weak":
        return replace(report, serves_within=compute_answer_bounds(report.trees, data))
    return report


def _report_form(result: SearchResult, report: FormulaReport) -> FormReport | None:
    """The client's form beside the formula of the free search, if the form is the best formula."""
    best = report.outputs[0].rated
    if result.form is None or best[0].tree != result.formulas[0][0].tree or result.evidence is None:
        return None
    comparison = result.evidence.compared_with.get(FREE_FORMULA)
    return FormReport(
        fitted=result.form.fitted,
        level=LEVEL,
        free=next((formula for formula in best[1:] if formula.tree == result.form.free), None),
        rmse=result.form.rmse,
        free_rmse=None if comparison is None else comparison.rmse,
        is_free_better=comparison is not None and comparison.is_better,
        contains_free=result.form.contains_free,
    )


def _is_weak(
    tree: Expression, data: TrainingData, seed: int, *, max_rows: int = 600, chance: float = 2.0
) -> bool:
    """Whether a formula is constant, or no better than a constant on left-out training rows.

    Args:
        tree: The formula.
        data: With the rows.
        seed: Of the sample.
        max_rows: Of the sample.
        chance: Standard errors of the difference, which allow for the selection bias among many formulas.
    """
    if not variables(tree):
        return True
    if data.classes is not None:  # fitted to log-odds of a network that was trained on all of these rows
        return False
    rows = data.training.sample(max_rows, seed)
    # The weighted mean is the best constant for squared errors
    constant = Number(float(np.average(rows.y, weights=rows.weights)))
    return is_no_worse(
        cross_validation_losses(constant, rows),
        cross_validation_losses(tree, rows),
        rows.weights,
        chance,
    )


def compute_answer_bounds(trees: Sequence[Expression], data: TrainingData) -> tuple[float, float]:
    """Bounds of the answers of formulas, the same as for a network; none for a line or for log-odds."""
    values = data.training.y[:, None].astype(float)
    is_free = data.classes is not None or all(map(is_affine, trees))
    # A line extrapolates freely; other formulas get the bounds that a network of these rows has
    bounds = None if is_free else add_bounds(TargetScaler.fit(values), values).bounds
    low, high = bounds or (-np.inf, np.inf)
    return max(low, data.bounds[0]), min(high, data.bounds[1])


def compute_formula_targets(
    predictor: Predictor, part: LabelledRows, max_log_odds: float
) -> Float[np.ndarray, "rows outputs"]:
    """Values that formulas should give [n, outputs]: the target, or the network's clamped log-odds."""
    if predictor.classes is None:
        return part.y[:, None]
    log_odds: np.ndarray = np.clip(predictor.raw_outputs(part.x), -max_log_odds, max_log_odds)
    return log_odds


@dataclass(frozen=True, kw_only=True)
class Model:
    """What a search has made of its rows.

    Attributes:
        predictor: Of the accurate network, with the residuals of the formula and the compact networks.
        decision: The decision rule of a classifier, of the member that answers.
        report: The formulas; None if none is useful.
        formula: Predicts by the best formulas.
        rivals: Predicts by the mean of the formula and its rivals, if they were compared.
        serving: The formulas as they answer in place of the networks, if they do.
    """

    predictor: Predictor
    decision: Decision | None = None
    report: FormulaReport | None = None
    formula: FormulaPredictor | None = None
    rivals: RivalsPredictor | None = None
    serving: FormulaPredictor | None = None

    @property
    def compact(self) -> Predictor | None:
        """Predicts by the compact network, if there is one."""
        return self.predictor.compact_predictor

    @property
    def linear(self) -> Predictor | None:
        """Predicts by the line, if there is one."""
        return self.predictor.linear_predictor

    @property
    def answering(self) -> Predictor:
        """The member that answers by default."""
        return self.serving or self.predictor.answering_network


def assemble_model(
    result: SearchResult,
    predictor: Predictor,
    decision: Decision | None,
    data: TrainingData,
    *,
    seed: int,
    thresholds: SearchThresholds,
) -> Model:
    """Combine the networks and the formulas of a search; see ``assemble_predictor`` for the first two."""
    report = report_formulas(result, predictor, data, seed=seed, thresholds=thresholds)
    # With evidence, the errors belong to the first formula
    errors = None if report is None or report.evidence is None else result.formula_errors
    return add_formulas(predictor, report, data, decision=decision, errors=errors)


def add_formulas(
    predictor: Predictor,
    report: FormulaReport | None,
    data: TrainingData,
    *,
    decision: Decision | None = None,
    errors: Float[np.ndarray, " rows"] | None = None,
) -> Model:
    """Combine a network with its formulas.

    Args:
        predictor: The network.
        report: The formulas.
        data: The rows of both.
        decision: The decision rule of a classifier.
        errors: Out-of-sample absolute errors of the best formula, NaN for other rows. Unless all known ones
            are finite, the errors on the validation rows are used.
    """
    residuals = None if report is None else _compute_formula_residuals(predictor, report, data, errors)
    model = combine(replace(predictor, formula_residuals=residuals), report, decision)
    # The decision rule belongs to the network: another member that answers needs its own
    if decision is None or model.answering in (model.predictor, model.serving):
        return model
    return replace(model, decision=choose_decision(model.answering, data))


def _compute_formula_residuals(
    predictor: Predictor, report: FormulaReport, data: TrainingData, errors: Float[np.ndarray, " rows"] | None
) -> Float[np.ndarray, " residuals"] | None:
    residuals = np.zeros(0) if errors is None else errors[~np.isnan(errors)]
    if len(residuals) and np.isfinite(residuals).all():
        return np.sort(residuals)
    # Without usable out-of-sample errors the validation rows serve
    formula = FormulaPredictor.from_predictor(predictor, report.trees)
    return _measure_residuals(formula, data.validation)


def combine(predictor: Predictor, report: FormulaReport | None, decision: Decision | None = None) -> Model:
    """Combine a network, which has the residuals of its formulas, with the formulas."""
    if report is None:
        return Model(predictor=predictor, decision=decision)
    largest = max(output.best.max_error for output in report.outputs) if report.is_exact else None
    formula = FormulaPredictor.from_predictor(predictor, report.trees, largest_error=largest)
    rivals = (report.outputs[0].best, *report.outputs[0].rivals)
    return Model(
        predictor=predictor,
        decision=decision,
        report=report,
        formula=formula,
        rivals=RivalsPredictor.average(formula, [(rival.tree, rival.probability) for rival in rivals]),
        serving=formula.to_serving(predictor, is_exact=report.is_exact, within=report.serves_within),
    )


def _measure_residuals(
    formula: FormulaPredictor, validation: LabelledRows
) -> Float[np.ndarray, " residuals"] | None:
    """Sorted absolute errors where the formula is defined; elsewhere it has no prediction or interval."""
    if formula.classes is not None:
        return None
    errors = np.abs(formula.predict(validation.x) - validation.y)
    return np.sort(errors[np.isfinite(errors)])
