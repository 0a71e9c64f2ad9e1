"""Revisions of a model by its user: fix edges, forbid functions, drop columns, or choose another formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from kan_engine import (
    KAN,
    Formula,
    Limits,
    Precision,
    Predictor,
    Reading,
    Rows,
    TrainingConfig,
    fix_,
    from_json,
    load,
    on_scale,
    read_formulas,
    save,
    shorter_formulas,
    train,
    variables,
    without_inputs,
)
from service.documents.network_curves import portray
from service.errors import Conflict
from worker.data.preparation import Portion, Prepared, name_columns
from worker.evaluation.decision_rule import calibrate_on_validation_
from worker.execution.outcome import Outcome, Revised
from worker.results.figures import figures_of
from worker.results.formula_member import answering, with_formula, worth_of
from worker.results.model_record import assembled, formulas_of, output_names, record_of, told_by_formulas
from worker.search.context import Report, Run, precision_of, searched
from worker.search.cross_validation import simple_errors
from worker.search.formula_evidence import assess, formula_errors
from worker.search.law_search import log_odds_formulas
from worker.search.law_subtask import small_law
from worker.search.result import Found
from worker.search.sparse_additive import with_additive_forms

STEPS = 60  # steps of Levenberg-Marquardt after edges were fixed
POOR = 0.9  # R² on an edge's activation below which a warning reports the function that replaced it


def revised(
    revises: Revised, data: Prepared, limits: Limits, report: Report, should_stop: Callable[[], bool]
) -> Outcome:
    """Make the next version of a model, with the same network except for edges fixed to functions.

    Raises:
        Conflict: No formula satisfies the constraints of the request.
        InvalidData: A function cannot be fixed on the edge that the request names.
    """
    run = Run.of(data, data.plan.request, limits, report, should_stop)
    changes, predictor = revises.model.changes, load(revises.artifact)
    if changes.fix:
        return _with_functions(revises, predictor, run)
    found = _kept(predictor)
    if changes.choose is not None:
        found = replace(found, formulas=_chosen(revises, predictor, run))
    else:
        found = replace(_search_anew(found, predictor, run), formula_of="law")
        found = with_additive_forms(found, run)
    record, symbolic = revises.model.record, _symbolic(found, predictor, run)
    formula_of = {} if changes.choose is not None else {"formula_of": found.formula_of}
    predictor, members = with_formula(predictor, symbolic, data)
    told = {"members": members} | formula_of
    if predictor.classes is None:
        worth = worth_of(predictor, symbolic, data, None)
        told |= {name: worth[name] for name in ("metrics", "training_metrics", "network_metrics")}
    return Outcome(
        artifact=save(predictor),
        record=record | told,
        symbolic=symbolic,
        edges=revises.model.edges,
        task=data.plan.task,
        figures=figures_of(answering(predictor, symbolic), data, revises.model.edges, should_stop),
    )


def _kept(predictor: Predictor) -> Found:
    network = predictor.network
    return Found(network=network, judged=network, inputs=predictor.inputs, scaler=predictor.outputs)


def _symbolic(found: Found, predictor: Predictor, run: Run) -> dict[str, Any]:
    document = None
    if found.formulas and all(found.formulas):
        if predictor.classes is None and found.evidence is None:
            best = found.formulas[0][0]
            evidence = assess(best, formula_errors(best, run), simple_errors(run), run)
            found = replace(found, evidence=evidence)
        document = formulas_of(found, predictor, run.data)
    if document is None:
        detail = "no formula was found that satisfies the request; allow more functions, or longer formulas"
        raise Conflict("no_formula", detail)
    return document


def _search_anew(found: Found, predictor: Predictor, run: Run) -> Found:
    """Return the result with the formulas of a new search within the limits."""
    if predictor.classes is not None:
        return replace(found, formulas=log_odds_formulas(predictor.network, predictor.inputs, run))
    law = small_law(run)
    return found if law is None else replace(found, formulas=law.found.formulas, evidence=law.found.evidence)


def _chosen(revises: Revised, predictor: Predictor, run: Run) -> list[list[Formula]]:
    """Return the formulas of the model for every output, the chosen one first."""
    assert revises.model.symbolic is not None  # noqa: S101 - a job that chooses was checked to have some
    outputs = revises.model.symbolic["outputs"]
    places = revises.model.changes.places([output["name"] for output in outputs])
    fit, validation = searched(run)
    found = []
    for number, output in enumerate(outputs):
        trees = [from_json(entry["tree"]) for entry in output["pareto"]]
        first = trees[places[output["name"]]] if output["name"] in places else from_json(output["tree"])
        rows, others = (_of_output(part, number, predictor, run) for part in (fit, validation))
        trees = [first, *(tree for tree in reversed(trees) if tree != first)]
        found.append([Formula.of(tree, rows, others) for tree in trees])
    return found


def _of_output(
    part: Portion, output: int, predictor: Predictor, run: Run
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    columns = name_columns(part.encoded, run.names)
    return columns, told_by_formulas(predictor, part)[:, output]


def _with_functions(revises: Revised, predictor: Predictor, run: Run) -> Outcome:
    """Fix edges to functions, continue the training of the network, and extract its formulas."""
    data, changes = run.data, revises.model.changes
    width = revises.model.edges["width"]
    functions = {edge.place(width): edge.function for edge in changes.fix}
    run.report("train", 0.2, "training the network around the fixed edges")
    network = without_inputs(predictor.network, _places_of(changes.drop, data)).double()
    if predictor.inputs.quantiles is not None:  # the function is of the column, not of its ranks
        network = on_scale(network, predictor.inputs, run.inputs, data.training.encoded)
    inputs = predictor.inputs if predictor.inputs.quantiles is None else run.inputs
    r2 = fix_(network, functions, torch.from_numpy(inputs.forward(data.training.encoded)))
    fit, validation = (
        _rows(part, replace(predictor, inputs=inputs), data) for part in (data.fit, data.validation)
    )
    config = TrainingConfig(loss=data.loss, optimizer="levenberg_marquardt", steps=STEPS)  # type: ignore[arg-type]
    for _ in train(network, fit, config, validation=validation, should_stop=run.should_stop):
        pass
    if data.classes is not None:
        calibrate_on_validation_(network, network, inputs, data)
    found = Found(network=network, judged=network, inputs=inputs, scaler=predictor.outputs)
    changed, decision = assembled(found, data)
    run.report("symbolic", 0.7, "extracting a formula from the network")
    found = replace(found, formulas=_read_off(network, changed, functions, run))
    symbolic = _symbolic(found, changed, run)
    changed, members = with_formula(changed, symbolic, data)
    worth = worth_of(changed, symbolic, data, decision)
    record = record_of(found, worth, symbolic, data, data.plan.request)
    picture = portray(
        network,
        inputs,
        data.encoding,
        data.training.encoded,
        output_names(data, data.plan.request),
        run.should_stop,
    )
    return Outcome(
        artifact=save(changed),
        record=record
        | {
            "warnings": [*record["warnings"], *_poor(r2, functions)],
            "baselines": revises.model.record["baselines"],
            "members": members,
        },
        symbolic=symbolic,
        edges=picture,
        task=data.plan.task,
        figures=figures_of(answering(changed, symbolic), data, picture, run.should_stop),
    )


def _places_of(columns: list[str], data: Prepared) -> list[int]:
    """Return the indices of the network's inputs that encode columns."""
    return [place for place, column in enumerate(data.encoding.names) if column.feature in columns]


def _rows(part: Portion, predictor: Predictor, data: Prepared) -> Rows:
    targets = data.codes(part)
    return Rows(
        x=torch.from_numpy(predictor.inputs.forward(part.encoded)),
        targets=torch.from_numpy(
            targets if predictor.outputs is None else predictor.outputs.forward(targets)
        ),
        weights=torch.from_numpy(part.weights),
    )


def _read_off(
    network: KAN, predictor: Predictor, functions: dict[tuple[int, int, int], str], run: Run
) -> list[list[Formula]]:
    """Extract the formulas of every output; those of a classifier approximate the log-odds of the network."""
    fit, validation = searched(run)
    scaler = predictor.outputs
    formulas = []
    for output in range(run.data.outputs):
        rows, others = (_of_output(part, output, predictor, run) for part in (fit, validation))
        reading = Reading(
            names=run.names,
            fit=rows,
            validation=others,
            scaled=torch.from_numpy(predictor.inputs.forward(fit.encoded)),
            output=output,
            center=float(scaler.mean[output]) if scaler else 0.0,
            scale=float(scaler.std[output]) if scaler else 1.0,
            transform=scaler.transform if scaler else "identity",
            known=_precision(network, predictor, validation, run),
            limits=run.limits,
            fixed=functions,
            should_stop=run.should_stop,
        )
        found = read_formulas(network, reading)
        found += shorter_formulas(network, reading)
        formulas.append([formula for formula in found if variables(formula.tree)])  # without constants
    return formulas


def _precision(network: KAN, predictor: Predictor, validation: Portion, run: Run) -> Precision:
    """Estimate how precisely the activations are known.

    Those of a classifier are known exactly, because they define its log-odds.
    """
    rows = len(run.data.fit)
    if predictor.classes is not None:
        return precision_of(0.0, network, rows, is_noisy=False)
    error = predictor.predict(validation.encoded) - validation.y.astype(float)
    share = float(np.sqrt(np.mean(error**2))) / (float(np.std(validation.y.astype(float))) or 1.0)
    return precision_of(share, network, rows, is_noisy=True)


def _poor(r2: dict[tuple[int, int, int], float], functions: dict[tuple[int, int, int], str]) -> list[str]:
    """Return a warning for each function with a poor fit to the activation that it replaced."""
    return [
        f"{functions[place]} on the edge from {place[1]} to {place[2]} of layer {place[0]} fits the "
        f"activation that it replaced with an R² of only {found:.3f}"
        for place, found in r2.items()
        if found < POOR
    ]
