"""Revision of a model by its user: functions on edges, inputs dropped, or other formulas of its network."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from kan_engine.assessment.evidence.assess_formula import assess_formula
from kan_engine.assessment.evidence.formula_evidence import FormulaEvidence
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.evaluation import Expression, variables
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool, adapt_candidate
from kan_engine.formulas.reading.edge_candidates import ExtractionContext
from kan_engine.formulas.reading.extraction import extract_formulas, extract_shorter_formulas
from kan_engine.formulas.reading.fix_edges import fix_edges_
from kan_engine.formulas.reading.noise_model import NoiseModel, estimate_precision
from kan_engine.formulas.search import search
from kan_engine.inference.decision_rule import calibrate_on_validation_
from kan_engine.inference.predictor import Predictor
from kan_engine.network.header import EdgePlace
from kan_engine.network.inputs import remove_inputs, rescale_inputs
from kan_engine.search.assembly import assemble_predictor, compute_formula_targets
from kan_engine.search.choice import choose_result
from kan_engine.search.config import SearchConfig
from kan_engine.search.context import SearchContext, make_problem, sample_search_rows
from kan_engine.search.formulas.log_odds import make_log_odds_problem
from kan_engine.search.members import Members
from kan_engine.search.model_search import find_formulas_of_classes
from kan_engine.search.result import SearchResult
from kan_engine.search.schedule import schedule_formulas
from kan_engine.training.config import TrainingConfig
from kan_engine.training.loop import train
from kan_engine.training.rows import TrainingRows


@dataclass(frozen=True, kw_only=True)
class ModelChanges:
    """Changes of a model, besides what ``SearchConfig.constraints`` allows formulas to contain.

    Attributes:
        functions: Library function of each edge to fix.
        dropped: Columns of the client that the network does without.
        chosen: For every output the formula to put first, and the formulas to choose from, shortest first;
            None to search for formulas. Not used where edges are fixed or columns dropped.
        known: For every output the formulas of the model, from which a search goes on.
    """

    functions: Mapping[EdgePlace, str] = field(default_factory=dict)
    dropped: Collection[str] = ()
    chosen: Sequence[tuple[Expression, Sequence[Expression]]] | None = None
    known: Sequence[Sequence[Expression]] = ()


def revise(
    predictor: Predictor,
    data: TrainingData,
    changes: ModelChanges,
    config: SearchConfig,
    callbacks: Callbacks = Callbacks(),  # noqa: B008 - immutable
    *,
    steps: int = 60,
) -> tuple[SearchResult, dict[EdgePlace, float]]:
    """Change a model, and find its formulas anew.

    Where edges are fixed or columns dropped, the network is trained further and its formulas are extracted.
    Otherwise the network stays, and its formulas are chosen from the given ones or searched for.

    Args:
        predictor: The model.
        data: Rows in the encoding of the model.
        changes: What to change.
        config: Settings, with the constraints of formulas.
        callbacks: Of the search.
        steps: Largest number of steps of Levenberg-Marquardt around the fixed edges. It starts at a trained
            network and usually ends within 20.

    Returns:
        The result, without formulas unless every output has one that satisfies the constraints; and the R² of
        each fixed function on the curve that it replaced.

    Raises:
        InvalidData: A function is undefined on the inputs of its edge, or no better than a straight line.
    """
    run = SearchContext.create(data, config, callbacks)
    result, r2 = SearchResult.from_predictor(predictor), dict[EdgePlace, float]()
    if changes.functions or changes.dropped:
        result, r2 = _train_changed(predictor, changes, run, steps)
        run.report("symbolic", 0.7, "extracting a formula from the network")
        formulas = _extract_formulas(result, changes.functions, run)
    elif changes.chosen is not None:
        formulas = _measure_formulas(predictor, changes.chosen, run)
    else:
        result = SearchResult.from_predictor(predictor, formula_of="law")
        result = _search_formulas(result, changes.known, run)
        formulas = result.formulas
    formulas = formulas if all(formulas) else []
    result = replace(result, formulas=formulas, evidence=result.evidence or assess_first(formulas, run))
    return result.answer_by(config.serve), r2


def assess_first(formulas: Sequence[Sequence[Formula]], run: SearchContext) -> FormulaEvidence | None:
    """The evidence for the first formula of a regression; None without one."""
    if run.data.classes is not None or not formulas:
        return None
    best, folds = formulas[0][0], run.cross_validation
    errors, simple = folds.measure_formula(best.tree), folds.measure_simple_models()
    return assess_formula(best, errors, simple, folds, should_stop=run.should_stop)


def _train_changed(
    predictor: Predictor, changes: ModelChanges, run: SearchContext, steps: int
) -> tuple[SearchResult, dict[EdgePlace, float]]:
    """Fix edges and drop columns, and train the rest of the network further."""
    data, inputs = run.data, predictor.inputs
    run.report("train", 0.2, "training the network around the fixed edges")
    places = [place for place, column in enumerate(data.encoding.names) if column.feature in changes.dropped]
    network = remove_inputs(predictor.network, places).double()
    if inputs.quantiles is not None:  # the functions are of the columns, not of their ranks
        network, inputs = rescale_inputs(network, inputs, run.inputs, data.training.x), run.inputs
    r2 = fix_edges_(network, changes.functions, torch.from_numpy(inputs.forward(data.training.x)))
    fit, validation = (_scale_rows(part, inputs, predictor.outputs) for part in (data.fit, data.validation))
    config = TrainingConfig(
        loss=data.loss, optimizer="levenberg_marquardt", steps=steps, thresholds=run.thresholds.training
    )
    for _ in train(network, fit, config, validation=validation, should_stop=run.should_stop):
        pass
    if data.classes is not None:
        calibrate_on_validation_(network, network, inputs, data, run.thresholds.inference)
    new_predictor = replace(predictor, network=network, inputs=inputs)
    if changes.dropped:
        new_predictor = replace(new_predictor, compact=None, linear=None)
    return SearchResult.from_predictor(new_predictor), r2


def _scale_rows(part: LabelledRows, inputs: Standardizer, scaler: TargetScaler | None) -> TrainingRows:
    targets = part.y[:, None]
    return TrainingRows(
        x=torch.from_numpy(inputs.forward(part.x)),
        targets=torch.from_numpy(targets if scaler is None else scaler.forward(targets)),
        weights=torch.from_numpy(part.weights),
    )


def _extract_formulas(
    result: SearchResult, functions: Mapping[EdgePlace, str], run: SearchContext
) -> list[list[Formula]]:
    """Extract the formulas of every output; those of a classifier approximate the log-odds of the network."""
    # With the bounds of its answers, since these count for the error on the validation rows
    predictor, _ = assemble_predictor(replace(result, compact=None), run.data)
    scaler, fit = predictor.outputs, sample_search_rows(run)[0]
    precision, formulas = _estimate_precision(predictor, run), list[list[Formula]]()
    for output, (rows, validation_rows) in enumerate(_list_formula_rows(predictor, run)):
        # Scales of the network's output, by which formulas return to the units of the target
        extraction = ExtractionContext(
            fit=rows,
            validation=validation_rows,
            scaled=torch.from_numpy(predictor.inputs.forward(fit.x)),
            output=output,
            center=float(scaler.mean[output]) if scaler else 0.0,
            scale=float(scaler.std[output]) if scaler else 1.0,
            transform=scaler.transform if scaler else "identity",
            known=precision,
            limits=run.config.constraints,
            fixed=functions,
            should_stop=run.should_stop,
        )
        network_formulas = extract_formulas(result.network, extraction)
        network_formulas += extract_shorter_formulas(result.network, extraction)
        problem = make_problem(run, (rows, validation_rows), is_recorded=False)
        candidates = [
            adapt_candidate(Candidate.create(formula, "network"), problem) for formula in network_formulas
        ]
        formulas.append(
            [candidate for candidate in candidates if candidate is not None and variables(candidate.tree)]
        )
    return formulas


def _list_formula_rows(predictor: Predictor, run: SearchContext) -> list[tuple[LabelledRows, LabelledRows]]:
    """For every output, samples of the fit and validation rows with the values that formulas should give."""
    fit, validation = (replace(part, weights=run.data.row_weights(part)) for part in sample_search_rows(run))
    max_log_odds = run.thresholds.max_log_odds
    targets = (compute_formula_targets(predictor, part, max_log_odds).T for part in (fit, validation))
    return [
        (fit.with_target(target), validation.with_target(validation_target))
        for target, validation_target in zip(*targets, strict=True)
    ]


def _estimate_precision(predictor: Predictor, run: SearchContext) -> NoiseModel:
    """Estimate how precisely the activations are known.

    Those of a classifier are known exactly, because they define its log-odds.
    """
    network, rows = predictor.network, len(run.data.fit)
    if predictor.classes is not None:
        return estimate_precision(0.0, network, rows, is_noisy=False)
    validation = sample_search_rows(run)[1]
    error = predictor.predict(validation.x) - validation.y
    # Noise as the RMSE on the validation rows over the spread
    share = float(np.sqrt(np.mean(error**2))) / (float(np.std(validation.y)) or 1.0)
    return estimate_precision(share, network, rows, is_noisy=True)


def _measure_formulas(
    predictor: Predictor, selections: Sequence[tuple[Expression, Sequence[Expression]]], run: SearchContext
) -> list[list[Formula]]:
    """Measure the formulas of every output, the chosen one first."""
    rankings = []
    for (best_tree, front), (rows, validation_rows) in zip(
        selections, _list_formula_rows(predictor, run), strict=True
    ):
        formulas, min_error = dict[Expression, Formula](), 0.0
        for tree in reversed(front):  # the search measured other rows, too: by those a longer one is better
            formula = Formula.measure(tree, rows, validation_rows)
            # A shorter formula has a strictly larger error, as in the front of the search
            min_error = max(formula.error, float(np.nextafter(min_error, np.inf)))
            formulas[tree] = replace(formula, error=min_error)
        best = formulas.pop(best_tree, None)
        best = best or Formula.measure(best_tree, rows, validation_rows)
        rankings.append([best, *formulas.values()])
    return rankings


def _search_formulas(
    result: SearchResult, seeds: Sequence[Sequence[Expression]], run: SearchContext
) -> SearchResult:
    """Search for formulas within the constraints, of the rows or of the log-odds of a classifier."""
    if run.data.output_count > 1:
        return find_formulas_of_classes(result, run, seeds)
    members, judge = Members(accurate=result), Judge()
    if run.data.classes is not None:
        pool = Pool(make_log_odds_problem(result.network, result.inputs, run))
    else:
        pool = Pool(make_problem(run))
    search(pool, schedule_formulas(run, members, seeds[0] if seeds else ()), judge)
    return choose_result(run, members, pool, judge)
