"""One warning for all stages of a search that the time limit ended early."""

from collections.abc import Collection

from kan_engine.search.compact_member import COMPACT_ENDED_EARLY_WARNING
from kan_engine.search.model_search import FORMULAS_ENDED_EARLY_WARNING
from kan_engine.search.networks.choice import ENDED_EARLY_WARNING

LAW_ENDED_EARLY_WARNING = (
    "the law search was ended early to leave time for larger networks; increase max_seconds"
)
STAGES = {
    LAW_ENDED_EARLY_WARNING: "the law search",
    ENDED_EARLY_WARNING: "the training of larger networks",
    COMPACT_ENDED_EARLY_WARNING: "the search for a network of few curves",
    FORMULAS_ENDED_EARLY_WARNING: "the search for formulas",
}
"""The stage that each of the warnings is about."""


def merge_time_warnings(warnings: Collection[str]) -> list[str]:
    """Replace the warnings of several stages by one that names them all; one alone stays as it is."""
    early_stages = [stage for warning, stage in STAGES.items() if warning in warnings]
    if len(early_stages) < 2:
        return [*warnings]
    other_warnings, stages = (
        [warning for warning in warnings if warning not in STAGES],
        ", ".join(early_stages),
    )
    return [*other_warnings, f"the time limit ended these stages early: {stages}; increase max_seconds"]
