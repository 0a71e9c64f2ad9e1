"""Factors of powers of columns, told by the size of the target however the rest of the law oscillates."""

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.reductions.power_factor import find_power_factors

ROWS = 800
RNG = np.random.default_rng(0)
A, K, X = RNG.uniform(1, 3, ROWS), RNG.uniform(1, 10, ROWS), RNG.uniform(1, 10, ROWS)
SIGNS = RNG.choice((-1.0, 1.0), ROWS)


def factors(target: np.ndarray, **columns: np.ndarray) -> list[tuple[list[str], str]]:
    rows = LabelledRows.from_columns(columns, target)
    return [(list(each.groups), to_text(each.factor)) for each in find_power_factors(rows)]


def test_the_amplitude_of_an_oscillation_is_a_factor() -> None:
    found = factors(A * np.sin(K * X), a=A, k=K, x=X)
    assert found == [(["k", "x"], "a"), (["a", "k", "x"], "a")]


def test_columns_of_both_signs_are_factors_too() -> None:
    assert (["x"], "a/k**2") in factors(SIGNS * A / K**2 * np.cos(X), a=SIGNS * A, k=K, x=X)


def test_without_a_clear_power_there_is_no_factor() -> None:
    assert factors(np.sin(K * X) + 0.1 * A, a=A, k=K, x=X) == []


def test_a_column_with_zeros_is_none() -> None:
    zeros = np.where(np.arange(ROWS) % 2, A, 0.0)
    assert all("z" not in factor for _, factor in factors(zeros * K * np.cos(X), z=zeros, k=K, x=X))


def test_columns_of_both_signs_have_no_roots() -> None:
    found = factors(np.sqrt(A) * np.cos(X), a=SIGNS * A, k=K, x=X)
    assert all("sqrt(a)" not in factor for _, factor in found)


def test_a_target_of_one_size_has_no_factor() -> None:
    assert factors(SIGNS, a=A, k=K) == []
