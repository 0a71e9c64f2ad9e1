"""Translates what a request asks for to the settings of a search."""

from __future__ import annotations

from collections.abc import Iterable

from kan_engine import FormulaConstraints, SearchConfig
from kan_engine.formulas.forms.template import FormTemplate
from kan_engine.search.config import PerGroup
from kan_engine.search.thresholds import SearchThresholds
from service.schemas.options.formulas import CompactOptions, PerGroupOptions
from service.schemas.training import TrainRequest

THRESHOLDS = SearchThresholds()  # of all searches of the service


def make_search_config(
    request: TrainRequest,
    forbidden_functions: Iterable[str] = (),
    *,
    form: FormTemplate | None = None,
    without: frozenset[str] = frozenset(),
) -> SearchConfig:
    """The settings of the search that a training asks for.

    Args:
        request: The training.
        forbidden_functions: Functions that no formula may contain.
        form: The form of the request, in the columns of the table.
        without: Names of strategies that are left out.
    """
    network, training, symbolic = request.network, request.training, request.symbolic
    return SearchConfig(
        hidden=None if network.hidden == "auto" else tuple(network.hidden),
        grid=None if network.grid == "auto" else network.grid,
        order=network.order,
        optimizer=training.optimizer,
        device=training.device,
        grid_schedule=None if training.grid_schedule == "auto" else tuple(training.grid_schedule),
        steps=None if training.steps == "auto" else training.steps,
        lamb=None if training.lamb == "auto" else training.lamb,
        restarts=None if training.restarts == "auto" else training.restarts,
        prune=request.prune,
        symbolic=symbolic is not None,
        constraints=FormulaConstraints.create(
            forbid=forbidden_functions,
            max_complexity=symbolic.max_complexity if symbolic else None,
            functions=request.functions,
            must_use=request.must_use or (),
            max_constants=request.max_constants,
            monotone=request.monotone,
        ),
        units=request.units,
        form=form,
        per_group=_read_groups(request.per_group),
        compact=request.compact is not None,
        max_curves=request.compact.max_edges if request.compact else CompactOptions().max_edges,
        serve=request.serve,
        is_ordered=request.split.kind == "tail",
        without=without,
        seed=request.seed,
        max_seconds=request.max_seconds,
        thresholds=THRESHOLDS,
    )


def _read_groups(options: PerGroupOptions | None) -> PerGroup | None:
    if options is None:
        return None
    return PerGroup(column=options.column, own=None if options.own is None else tuple(options.own))
