"""Fixtures of the tests of estimators."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest


@pytest.fixture(scope="module", autouse=True)
def short_searches() -> Iterator[None]:
    """Estimators search briefly for fronts and compact networks."""
    from kan_engine.estimators.base import KANEstimator
    from tests.support.engine.short_searches import shorten_searches

    make_config = KANEstimator._make_config

    def make_short_config(self: KANEstimator, seed: int) -> Any:
        config = make_config(self, seed)
        return replace(config, thresholds=shorten_searches(config.thresholds))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KANEstimator, "_make_config", make_short_config)
        yield
