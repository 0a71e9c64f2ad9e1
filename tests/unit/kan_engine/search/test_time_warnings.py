"""A search that the time limit ends in several stages says so once."""

from kan_engine.search.compact_member import COMPACT_ENDED_EARLY_WARNING
from kan_engine.search.model_search import FORMULAS_ENDED_EARLY_WARNING
from kan_engine.search.time_warnings import LAW_ENDED_EARLY_WARNING, merge_time_warnings


def test_several_stages_that_ended_early_are_one_warning() -> None:
    warnings = [COMPACT_ENDED_EARLY_WARNING, "column 'a' is left out", FORMULAS_ENDED_EARLY_WARNING]
    assert merge_time_warnings([*warnings, LAW_ENDED_EARLY_WARNING]) == [
        "column 'a' is left out",
        "the time limit ended these stages early: the law search, the search for a network of few curves, "
        "the search for formulas; increase max_seconds",
    ]


def test_one_stage_that_ended_early_keeps_its_own_words() -> None:
    warnings = ["column 'a' is left out", FORMULAS_ENDED_EARLY_WARNING]
    assert merge_time_warnings(warnings) == warnings
