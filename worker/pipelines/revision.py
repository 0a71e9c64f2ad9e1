"""Revisions of a model by its user: fix edges, forbid functions, drop columns, or choose another formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from kan_engine import (
    KAN,
    Callbacks,
    ExtractionContext,
    Formula,
    LabelledRows,
    NoiseModel,
    Predictor,
    SearchConfig,
    SearchResult,
    TrainingConfig,
    TrainingRows,
    extract_formulas,
    extract_shorter_formulas,
    fix_edges_,
    from_json,
    load,
    remove_inputs,
    rescale_inputs,
    save,
    train,
    variables,
)
from kan_engine.assessment.formula_evidence import assess_formula
from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.expressions.evaluation import Expression
from kan_engine.formulas.reading.noise_model import estimate_precision
from kan_engine.inference.decision_rule import calibrate_on_validation_
from kan_engine.search.assembly import (
    add_formulas,
    assemble_predictor,
    compute_formula_targets,
    report_formulas,
)
from kan_engine.search.context import SearchContext, sample_search_rows
from kan_engine.search.formulas.log_odds import find_log_odds_formulas
from kan_engine.search.formulas.sparse_additive import add_additive_formulas
from kan_engine.search.laws.law_subtask import find_small_law
from service.errors import Conflict
from worker.data.preparation import PreparedData
from worker.execution.outcome import Outcome, SourceModel
from worker.pipelines.member_switch import (
    add_measures,
    change_compact,
    describe_changed_edges,
    switch_member,
)
from worker.pipelines.new_group import fit_new_group
from worker.pipelines.thresholds import DEFAULT_PIPELINE, PipelineThresholds
from worker.results.figures import compute_figures
from worker.results.member_metrics import measure_answering_member
from worker.results.members import describe_members
from worker.results.model_record import make_record
from worker.results.network_pictures import describe_networks
from worker.results.records import FittedBaseline, RevisedRecord
from worker.results.symbolic_document import make_symbolic_document


def revise_model(
    revises: SourceModel,
    data: PreparedData,
    config: SearchConfig,
    callbacks: Callbacks,
    thresholds: PipelineThresholds = DEFAULT_PIPELINE,
) -> Outcome:
    """Make the next version of a model, with the same networks except for edges fixed to functions.

    Raises:
        Conflict: No formula satisfies the constraints of the request.
        InvalidData: A function cannot be fixed on the edge that the request names.
    """
    run = SearchContext.create(data, config, callbacks)
    changes = revises.model.changes
    predictor = change_compact(load(revises.artifact), changes, data, config)
    if revises.model.only_changes_member:
        return switch_member(revises, predictor, data, config, run.should_stop, thresholds)
    if changes.fix:
        return _fix_functions(revises, predictor, data, run, thresholds)
    found = SearchResult.from_predictor(predictor)
    if changes.fit_group is not None:
        found = fit_new_group(found, revises, predictor, run)
    elif changes.choose is not None:
        found = replace(found, formulas=_reorder_formulas(revises, predictor, run))
    else:
        found = replace(_search_formulas(found, predictor, run), formula_of="law")
        found = add_additive_formulas(found, run)
    report = _report_formulas(found, predictor, data, run)
    model, symbolic = add_formulas(predictor, report, data), make_symbolic_document(report, data.encoding)
    record = RevisedRecord(
        earlier=revises.model.record,
        members=describe_members(model, symbolic, data, run.thresholds.max_log_odds),
        formula_of=found.formula_of if changes.changes_formula else None,
    )
    edges = describe_changed_edges(revises, predictor, data, run.should_stop)
    return Outcome(
        artifact=save(model.predictor),
        record=add_measures(record, model, data, thresholds),
        symbolic=symbolic,
        edges=edges,
        task=data.task,
        figures=compute_figures(model.answering, data, edges, run.should_stop, thresholds.figures),
    )


def _report_formulas(
    found: SearchResult, predictor: Predictor, data: PreparedData, run: SearchContext
) -> FormulaReport:
    report = None
    if found.formulas and all(found.formulas):
        if predictor.classes is None and found.evidence is None:
            best, folds = found.formulas[0][0], run.cross_validation
            evidence = assess_formula(
                best,
                folds.measure_formula(best.tree),
                folds.measure_simple_models(),
                folds,
                should_stop=run.should_stop,
            )
            found = replace(found, evidence=evidence)
        report = report_formulas(
            found,
            predictor,
            data,
            seed=run.config.seed,
            thresholds=run.thresholds,
            serve=run.config.serve,
        )
    if report is None:
        detail = "no formula was found that satisfies the request; allow more functions, or longer formulas"
        raise Conflict("no_formula", detail)
    return report


def _search_formulas(found: SearchResult, predictor: Predictor, run: SearchContext) -> SearchResult:
    """Return the result with the formulas of a new search within the limits."""
    if predictor.classes is not None:
        return replace(found, formulas=find_log_odds_formulas(predictor.network, predictor.inputs, run))
    law = find_small_law(run)
    return found if law is None else replace(found, formulas=law.found.formulas, evidence=law.found.evidence)


def _reorder_formulas(revises: SourceModel, predictor: Predictor, run: SearchContext) -> list[list[Formula]]:
    """Return the formulas of the model for every output, the chosen one first."""
    assert revises.model.symbolic is not None  # noqa: S101 - a job that chooses was checked to have some
    outputs = revises.model.symbolic["outputs"]
    places = revises.model.changes.select_formulas([output["name"] for output in outputs])
    fit, validation = sample_search_rows(run)
    limits = run.thresholds.symbolic
    found = []
    for number, output in enumerate(outputs):
        front = [from_json(entry["tree"]) for entry in output["pareto"]]
        first = front[places[output["name"]]] if output["name"] in places else from_json(output["tree"])
        rows, others = (_make_formula_rows(part, number, predictor, run) for part in (fit, validation))
        measured, least = dict[Expression, Formula](), 0.0
        for tree in reversed(front):  # the search measured other rows, too: by those a longer one is better
            formula = Formula.measure(tree, rows, others, thresholds=limits)
            least = max(formula.error, float(np.nextafter(least, np.inf)))
            measured[tree] = replace(formula, error=least)
        best = measured.pop(first, None) or Formula.measure(first, rows, others, thresholds=limits)
        found.append([best, *measured.values()])
    return found


def _make_formula_rows(
    part: LabelledRows, output: int, predictor: Predictor, run: SearchContext
) -> LabelledRows:
    """The rows with the values that formulas of an output should give."""
    targets = compute_formula_targets(predictor, part, run.thresholds.max_log_odds)
    return replace(part, y=targets[:, output], weights=run.data.row_weights(part))


def _fix_functions(
    revises: SourceModel,
    predictor: Predictor,
    data: PreparedData,
    run: SearchContext,
    thresholds: PipelineThresholds,
) -> Outcome:
    """Fix edges to functions, continue the training of the network, and extract its formulas."""
    changes = revises.model.changes
    width = revises.model.edges["width"]
    functions = {edge.edge_index(width): edge.function for edge in changes.fix}
    run.report("train", 0.2, "training the network around the fixed edges")
    network = remove_inputs(predictor.network, _input_places(changes.drop, data)).double()
    if predictor.inputs.quantiles is not None:  # the function is of the column, not of its ranks
        network = rescale_inputs(network, predictor.inputs, run.inputs, data.training.x)
    inputs = predictor.inputs if predictor.inputs.quantiles is None else run.inputs
    r2 = fix_edges_(network, functions, torch.from_numpy(inputs.forward(data.training.x)))
    fit, validation = (
        _make_rows(part, replace(predictor, inputs=inputs)) for part in (data.fit, data.validation)
    )
    config = TrainingConfig(
        loss=data.loss,
        optimizer="levenberg_marquardt",
        steps=thresholds.revision_steps,
        thresholds=run.thresholds.training,
    )
    for _ in train(network, fit, config, validation=validation, should_stop=run.should_stop):
        pass
    if data.classes is not None:
        calibrate_on_validation_(network, network, inputs, data, run.thresholds.inference)
    found = SearchResult(
        network=network,
        judged=network,
        inputs=inputs,
        scaler=predictor.outputs,
        compact=None if predictor.compact is None or changes.drop else predictor.compact.path,
    )
    changed, decision = assemble_predictor(
        found, data, run.thresholds, max_curves=run.config.max_curves, serve=run.config.serve
    )
    run.report("symbolic", 0.7, "extracting a formula from the network")
    found = replace(found, formulas=_extract_formulas(network, changed, functions, run))
    report = _report_formulas(found, changed, data, run)
    model = add_formulas(changed, report, data, decision=decision)
    symbolic = make_symbolic_document(report, data.encoding)
    record = make_record(
        found,
        measure_answering_member(model, data, thresholds.metrics),
        report,
        data,
        max_history_points=thresholds.max_history_points,
    )
    picture = describe_networks(changed, data, run.should_stop)
    return Outcome(
        artifact=save(model.predictor),
        record=replace(
            record,
            warnings=[*record.warnings, *_poor_fit_warnings(r2, functions, thresholds)],
            baselines={
                name: FittedBaseline(**told) for name, told in revises.model.record["baselines"].items()
            },
            members=describe_members(model, symbolic, data, run.thresholds.max_log_odds),
        ),
        symbolic=symbolic,
        edges=picture,
        task=data.task,
        figures=compute_figures(model.answering, data, picture, run.should_stop, thresholds.figures),
    )


def _input_places(columns: list[str], data: PreparedData) -> list[int]:
    """Return the indices of the network's inputs that encode columns."""
    return [place for place, column in enumerate(data.encoding.names) if column.feature in columns]


def _make_rows(part: LabelledRows, predictor: Predictor) -> TrainingRows:
    targets = part.y[:, None]
    return TrainingRows(
        x=torch.from_numpy(predictor.inputs.forward(part.x)),
        targets=torch.from_numpy(
            targets if predictor.outputs is None else predictor.outputs.forward(targets)
        ),
        weights=torch.from_numpy(part.weights),
    )


def _extract_formulas(
    network: KAN, predictor: Predictor, functions: dict[tuple[int, int, int], str], run: SearchContext
) -> list[list[Formula]]:
    """Extract the formulas of every output; those of a classifier approximate the log-odds of the network."""
    fit, validation = sample_search_rows(run)
    scaler = predictor.outputs
    formulas = []
    for output in range(run.data.output_count):
        rows, others = (_make_formula_rows(part, output, predictor, run) for part in (fit, validation))
        reading = ExtractionContext(
            names=run.names,
            fit=rows,
            validation=others,
            scaled=torch.from_numpy(predictor.inputs.forward(fit.x)),
            output=output,
            center=float(scaler.mean[output]) if scaler else 0.0,
            scale=float(scaler.std[output]) if scaler else 1.0,
            transform=scaler.transform if scaler else "identity",
            known=_estimate_precision(network, predictor, validation, run),
            limits=run.config.constraints,
            fixed=functions,
            should_stop=run.should_stop,
        )
        found = extract_formulas(network, reading)
        found += extract_shorter_formulas(network, reading)
        formulas.append([formula for formula in found if variables(formula.tree)])  # without constants
    return formulas


def _estimate_precision(
    network: KAN, predictor: Predictor, validation: LabelledRows, run: SearchContext
) -> NoiseModel:
    """Estimate how precisely the activations are known.

    Those of a classifier are known exactly, because they define its log-odds.
    """
    rows, limits = len(run.data.fit), run.thresholds
    if predictor.classes is not None:
        return estimate_precision(0.0, network, rows, is_noisy=False, thresholds=limits.symbolic)
    error = predictor.predict(validation.x) - validation.y
    share = float(np.sqrt(np.mean(error**2))) / (float(np.std(validation.y)) or 1.0)
    return estimate_precision(share, network, rows, is_noisy=True, thresholds=limits.symbolic)


def _poor_fit_warnings(
    r2: dict[tuple[int, int, int], float],
    functions: dict[tuple[int, int, int], str],
    thresholds: PipelineThresholds,
) -> list[str]:
    """Return a warning for each function with a poor fit to the activation that it replaced."""
    return [
        f"{functions[place]} on the edge from {place[1]} to {place[2]} of layer {place[0]} fits the "
        f"activation that it replaced with an R² of only {found:.3f}"
        for place, found in r2.items()
        if found < thresholds.min_function_r2
    ]
