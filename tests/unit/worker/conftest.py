"""Fixtures of the worker's tests."""

from collections.abc import Iterator
from dataclasses import replace

import pytest


@pytest.fixture(scope="module")
def few_candidates(small_dictionary: None, coarse_structures: None) -> Iterator[None]:
    """Few closed forms of every edge, in few combinations: what is found in them has tests of its own."""
    from kan_engine.assessment.thresholds import AssessmentThresholds
    from kan_engine.discovery.thresholds import DiscoveryThresholds
    from kan_engine.symbolic import (
        damped_oscillations,
        dictionary_regression,
        edge_candidates,
        extraction,
        network_candidates,
    )
    from worker.pipelines import search_config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(damped_oscillations, "MAX_TERMS", 1)
        patch.setattr(edge_candidates, "MAX_NOISY_CANDIDATES", 8)
        patch.setattr(edge_candidates, "LOGARITHM_FACTORS", (1.0,))
        patch.setattr(dictionary_regression, "TAIL_LENGTHS", (1, 2))
        patch.setattr(network_candidates, "MAX_SHORT_COMBINATIONS", 3)
        patch.setattr(extraction, "MAX_COMBINATIONS", 8)
        patch.setattr(extraction, "MAX_CLOSE_FORMS", 4)
        patch.setattr(extraction, "MAX_FINAL_FORMS", 1)
        patch.setattr(extraction, "MAX_NOISY_FINAL_FORMS", 2)
        thresholds = search_config.THRESHOLDS
        few = replace(
            thresholds,
            max_candidates=2,
            assessment=AssessmentThresholds(max_resamplings=2),
            discovery=DiscoveryThresholds(max_surrogate_terms=100),
            structure=replace(
                thresholds.structure, starts_per_node_count=(2, 2, 2), max_screened_starts=(4, 2)
            ),
        )
        patch.setattr(search_config, "THRESHOLDS", few)
        yield
