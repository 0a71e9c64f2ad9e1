"""Laws of several variables behind values at points."""

import numpy as np
import pytest

from kan_engine import LabelledRows, to_text
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.search.laws.solution_law import find_exact_law


def rows(count: int, seed: int) -> LabelledRows:
    """A distance from a point off the plane."""
    x, y = np.random.default_rng(seed).uniform(-1, 1, (2, count))
    return LabelledRows.from_columns({"x": x, "y": y}, np.sqrt(x**2 + y**2 + 1))


def test_a_law_is_found_as_behind_a_table() -> None:
    law = find_exact_law(rows(1000, 0), rows(500, 1), Callbacks())
    assert law is not None
    assert to_text(law) == "sqrt(x**2 + y**2 + 1)"


@pytest.mark.parametrize("column", ["x", "the solution"])
def test_any_name_of_a_variable_is_fine(column: str) -> None:
    fit, validation = (
        LabelledRows.from_columns({column: part.columns["x"]}, 3 * part.columns["x"])
        for part in (rows(200, 0), rows(100, 1))
    )
    law = find_exact_law(fit, validation, Callbacks())
    assert law is not None


def test_a_hunt_that_is_stopped_finds_nothing_that_it_would_have_found() -> None:
    assert find_exact_law(rows(1000, 0), rows(500, 1), Callbacks(should_stop=lambda: True)) is None
