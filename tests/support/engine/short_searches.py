"""Thresholds of short searches: fronts and compact networks have tests of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from kan_engine.estimators.base import KANEstimator
from kan_engine.search.thresholds import SearchThresholds


def shorten_searches(limits: SearchThresholds) -> SearchThresholds:
    """The thresholds with little work for the front of formulas and for compact networks."""
    return replace(
        limits,
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


@contextmanager
def short_estimator_searches() -> Iterator[None]:
    """Estimators search briefly for fronts and compact networks."""
    make_config = KANEstimator._make_config

    def make_short_config(self: KANEstimator, seed: int) -> Any:
        config = make_config(self, seed)
        return replace(config, thresholds=shorten_searches(config.thresholds))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KANEstimator, "_make_config", make_short_config)
        yield
