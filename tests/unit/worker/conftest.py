"""Fixtures of the worker's tests."""

from collections.abc import Iterator
from dataclasses import replace

import pytest


@pytest.fixture(scope="module")
def few_candidates(small_dictionary: None) -> Iterator[None]:
    """Few closed forms of every edge, in few combinations: what is found in them has tests of its own."""
    from kan_engine.assessment.thresholds import AssessmentThresholds
    from kan_engine.discovery.thresholds import DiscoveryThresholds
    from worker.pipelines import search_config

    limits = search_config.THRESHOLDS
    symbolic = replace(
        limits.symbolic,
        max_short_combinations=3,
        max_combinations=8,
        max_close_forms=4,
        max_final_forms=1,
        max_noisy_final_forms=2,
        closed_forms=replace(
            limits.symbolic.closed_forms,
            max_oscillations=1,
            max_noisy_candidates=8,
            logarithm_factors=(1.0,),
            tail_lengths=(1, 2),
        ),
    )
    few = replace(
        limits,
        max_candidates=2,
        assessment=AssessmentThresholds(max_resamplings=2),
        discovery=DiscoveryThresholds(max_surrogate_terms=100),
        structure=replace(limits.structure, starts_per_node_count=(2, 2, 2), max_screened_starts=(4, 2)),
        symbolic=symbolic,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_config, "THRESHOLDS", few)
        yield
