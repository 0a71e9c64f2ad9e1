"""Revisions of a model by its user: fix edges, forbid functions, drop columns, or choose another formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kan_engine import (
    Callbacks,
    ModelChanges,
    SearchResult,
    TrainingData,
    from_json,
    load,
    revise,
)
from kan_engine.network.header import EdgePlace
from kan_engine.network.kan import KAN
from kan_engine.search.assembly import add_formulas, report_formulas
from service.errors import Conflict
from service.schemas.model_document import ModelDocument
from worker.execution.outcome import Outcome, SourceModel
from worker.execution.stage_timer import StageTimer
from worker.pipelines.member_switch import change_networks, switch_member
from worker.pipelines.model_outcome import make_outcome, make_revised_outcome
from worker.pipelines.new_group import fit_new_group
from worker.pipelines.search_plan import SearchPlan
from worker.pipelines.trained_network import TrainedNetwork
from worker.results.members import describe_members
from worker.results.symbolic_document import make_symbolic_document

NO_FORMULA = "no formula was found that satisfies the request; allow more functions, or longer formulas"


def revise_model(revises: SourceModel, plan: SearchPlan, data: TrainingData, callbacks: Callbacks) -> Outcome:
    """Make the next version of a model, with the same networks except for edges fixed to functions.

    Raises:
        Conflict: No formula satisfies the constraints of the request.
        InvalidData: A function cannot be fixed on the edge that the request names.
    """
    changes, config, should_stop = revises.model.changes, plan.config, callbacks.should_stop
    predictor = change_networks(load(revises.artifact), changes, data)
    if revises.model.only_changes_member:
        return switch_member(revises, predictor, plan, data, should_stop)
    r2 = dict[EdgePlace, float]()
    if changes.fit_group is not None:
        result = fit_new_group(revises, predictor, data).answer_by(config.serve)
    else:
        result, r2 = revise(predictor, data, _read_changes(revises), config, callbacks)
    if not result.formulas:
        raise Conflict("no_formula", NO_FORMULA)
    if changes.fix:
        return _describe_trained(result, r2, revises, plan, data, should_stop)
    report = report_formulas(result, predictor, data, seed=config.seed, thresholds=config.thresholds)
    if report is None:
        raise Conflict("no_formula", NO_FORMULA)
    model, symbolic = add_formulas(predictor, report, data), make_symbolic_document(report, data.encoding)
    changed: dict[str, Any] = {
        "members": describe_members(model, symbolic, data, config.thresholds.max_log_odds)
    }
    if changes.changes_formula:
        changed["formula_of"] = result.formula_of
    record = ModelDocument(**revises.model.record | changed)
    return make_revised_outcome(revises, model, record, symbolic, plan, data, should_stop)


def _read_changes(revises: SourceModel) -> ModelChanges:
    """The requested changes as the engine takes them."""
    changes, width = revises.model.changes, revises.model.edges["width"]
    outputs = revises.model.symbolic["outputs"] if revises.model.symbolic else []
    fronts = [[from_json(entry["tree"]) for entry in output["pareto"]] for output in outputs]
    places = changes.select_formulas([output["name"] for output in outputs])
    trees = [
        front[places[output["name"]]] if output["name"] in places else from_json(output["tree"])
        for output, front in zip(outputs, fronts, strict=True)
    ]
    return ModelChanges(
        functions={edge.edge_index(width): edge.function for edge in changes.fix},
        dropped=changes.drop,
        chosen=None if changes.choose is None else list(zip(trees, fronts, strict=True)),
        known=fronts,
    )


def _describe_trained(
    result: SearchResult,
    r2: Mapping[EdgePlace, float],
    revises: SourceModel,
    plan: SearchPlan,
    data: TrainingData,
    should_stop: Callable[[], bool],
    *,
    min_function_r2: float = 0.9,
) -> Outcome:
    """Measure a network that was trained further; its baselines are those of the earlier version.

    Args:
        min_function_r2: R² on an edge's activation below which a warning reports the function that replaced
            it.
    """
    silent = StageTimer(lambda _: None, should_stop)
    outcome = make_outcome(TrainedNetwork.assemble(result, plan, data), plan, data, silent)
    if outcome.symbolic is None:
        raise Conflict("no_formula", NO_FORMULA)
    poor = _poor_fit_warnings(r2, result.network, min_function_r2)
    return outcome.update(
        warnings=[*outcome.record.warnings, *poor], baselines=revises.model.record["baselines"]
    )


def _poor_fit_warnings(r2: Mapping[EdgePlace, float], network: KAN, min_r2: float) -> list[str]:
    """Return a warning for each function with a poor fit to the activation that it replaced."""
    return [
        f"{network.all_layers[layer].symbolic[i, j].function} on the edge from {i} to {j} of layer {layer} "
        f"fits the activation that it replaced with an R² of only {value:.3f}"
        for (layer, i, j), value in r2.items()
        if value < min_r2
    ]
