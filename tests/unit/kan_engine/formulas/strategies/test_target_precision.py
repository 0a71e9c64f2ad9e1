"""Whether a target is precise enough for an exact law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.formulas.core.target_precision import may_be_exact

RNG = np.random.default_rng(0)
X = RNG.uniform(1, 5, 200)
MAX_ERROR = 1e-9


def rows(target: np.ndarray) -> LabelledRows:
    return LabelledRows.from_columns({"x": X}, target)


@given(st.integers(1, 6), st.floats(-8, 8))
def test_a_rounded_target_has_no_exact_law(digits: int, magnitude: float) -> None:
    scale = 10.0**magnitude
    law = scale * np.sin(3 * X) * X
    rounded = np.round(law, digits - int(magnitude))
    assert may_be_exact(rows(law), MAX_ERROR)
    assert not may_be_exact(rows(rounded), MAX_ERROR)


@pytest.mark.parametrize("magnitude", [1e-40, 1.0, 1e60])
def test_a_target_of_any_size_may_have_an_exact_law(magnitude: float) -> None:
    assert may_be_exact(rows(magnitude * np.exp(X)), MAX_ERROR)


def test_single_precision_is_too_coarse() -> None:
    target = np.exp(X).astype(np.float32).astype(float)
    assert not may_be_exact(rows(target), MAX_ERROR)


def test_equal_rows_with_different_targets_exclude_an_exact_law() -> None:
    columns = {"x": np.append(X, X[0]), "z": np.append(X, X[0])}
    law = np.exp(columns["x"])
    assert may_be_exact(LabelledRows.from_columns(columns, law), MAX_ERROR)
    law[-1] *= 1.01
    assert not may_be_exact(LabelledRows.from_columns(columns, law), MAX_ERROR)


def test_a_constant_may_be_exact() -> None:
    assert may_be_exact(rows(np.full(len(X), 2.5)), MAX_ERROR)
