"""Thresholds of short searches: fronts and compact networks have tests of their own."""

from __future__ import annotations

from dataclasses import replace

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
