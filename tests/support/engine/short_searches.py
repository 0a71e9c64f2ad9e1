"""Thresholds of short searches: what they leave out has tests of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from kan_engine.estimators.base import KANEstimator
from kan_engine.search.thresholds import SearchThresholds
from tests.support.engine.readings import use_small_dictionary


def shorten_searches(limits: SearchThresholds) -> SearchThresholds:
    """The thresholds with little work for the front of formulas, compact networks and the stability."""
    return replace(
        limits,
        assessment=replace(limits.assessment, max_resamplings=1),
        front=replace(limits.front, max_work=1e5),
        compact=replace(
            limits.compact,
            rounds=0,
            start_steps=4,
            wide_starts=1,
            max_pairs=3,
            proposal_steps=4,
            growth_steps=4,
            refit_steps=4,
            max_cross_validated_rows=0,
        ),
    )


def use_coarse_grids(limits: SearchThresholds) -> SearchThresholds:
    """The thresholds with grids of few inputs that are as coarse as all others."""
    structure = replace(limits.structure, few_input_grid_sizes=limits.structure.grid_sizes)
    return replace(limits, structure=structure)


def use_few_candidates(limits: SearchThresholds) -> SearchThresholds:
    """The thresholds with few combinations of the closed forms of edges."""
    return replace(
        limits,
        assessment=replace(limits.assessment, max_resamplings=2),
        structure=replace(limits.structure, starts_per_node_count=(2, 2, 2), max_screened_starts=(4, 2)),
    )


def use_first_results(limits: SearchThresholds) -> SearchThresholds:
    """The shortest thresholds: of a search that has every stage, but whose result is not examined."""
    thresholds = use_few_candidates(use_coarse_grids(shorten_searches(limits)))
    return replace(
        thresholds,
        assessment=replace(thresholds.assessment, max_resamplings=1),
        selection=replace(
            thresholds.selection,
            initial_hidden=(4,),
            fixed_hidden=2,
            fixed_steps=6,
            training_updates=40,
            max_epochs=10,
            max_cross_validation_rows=0,
        ),
        training=replace(thresholds.training, auto_starts=1),
    )


@contextmanager
def short_estimator_searches(
    shorten: Callable[[SearchThresholds], SearchThresholds] = shorten_searches,
) -> Iterator[None]:
    """Estimators search with thresholds that are shortened so."""
    make_config = KANEstimator._make_config

    def make_short_config(self: KANEstimator, seed: int) -> Any:
        config = make_config(self, seed)
        return replace(config, thresholds=shorten(config.thresholds))

    with pytest.MonkeyPatch.context() as patch:
        use_small_dictionary(patch)
        patch.setattr(KANEstimator, "_make_config", make_short_config)
        yield
