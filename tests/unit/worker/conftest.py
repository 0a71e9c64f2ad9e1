"""Fixtures of the worker's tests."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def few_candidates(small_dictionary: None) -> Iterator[None]:
    """Few combinations of closed forms of edges: what is found in them has tests of its own."""
    from tests.support.engine.short_searches import use_few_candidates
    from worker.pipelines import search_config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_config, "THRESHOLDS", use_few_candidates(search_config.THRESHOLDS))
        yield
