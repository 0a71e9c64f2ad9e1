"""Sums of products of powers: which laws are found behind noise, and which products are tried."""

import numpy as np
import pytest

from kan_engine.expressions.constraints import NO_CONSTRAINTS, FormulaConstraints, list_functions
from kan_engine.formulas.strategies.scans.power_sums import PowerSums, list_products
from tests.support.engine.laws import Law
from tests.support.engine.scans import Ranges, propose

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]

LAWS: dict[str, tuple[Law, Ranges]] = {
    "an impedance": (
        lambda r, w, h, c: np.sqrt(r**2 + (w * h - 1 / (w * c)) ** 2),
        {"r": (1, 5), "w": (1, 5), "h": (0.5, 3), "c": (0.1, 1)},
    ),
    "a potential of two bodies": (
        lambda e, s, r: 4 * e * ((s / r) ** 12 - (s / r) ** 6),
        {"e": (0.5, 2), "s": (0.8, 1.2), "r": (1, 2.5)},
    ),
    "an enzyme with an inhibitor": (
        lambda v, s, k, i, h: v * s / (k * (1 + i / h) + s),
        {"v": (1, 10), "s": (0.5, 20), "k": (0.5, 5), "i": (0.1, 10), "h": (0.5, 5)},
    ),
    "a logarithm that somebody has taken": (
        lambda m, n, r: np.log(m * n / r**2) - 23.4,
        {"m": (1e20, 1e29), "n": (1e20, 1e29), "r": (1e9, 1e13)},
    ),
    "an entropy": (
        lambda t, v, u: 12.5 * np.log(t) + 8.3 * np.log(v) + u / t,
        {"t": (1, 10), "v": (1, 10), "u": (1, 50)},
    ),
    "speeds of molecules, with a minus": (
        lambda m, v, t: -0.8 * (m / t) ** 1.5 * v**2 * np.exp(-m * v**2 / (2 * t)),
        {"m": (1, 4), "v": (0.2, 3), "t": (0.5, 3)},
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_a_sum_of_products_of_powers_is_found_behind_noise_from_two_hundred_rows(name: str) -> None:
    _, error = propose(PowerSums(), *LAWS[name], noise=0.03)
    assert error < 0.3 * 0.03


def test_functions_that_are_forbidden_are_left_out() -> None:
    limits = FormulaConstraints(forbidden=frozenset({"sqrt", "1/sqrt"}))
    law, ranges = (lambda a, b: np.sqrt(a) + b), {"a": (1.0, 4.0), "b": (0.0, 1.0)}
    free, allowed = (propose(PowerSums(), law, ranges, 0.03, each)[0] for each in (NO_CONSTRAINTS, limits))
    roots = [
        [tree for tree in trees if limits.forbidden & {*list_functions(tree)}] for trees in (free, allowed)
    ]
    assert roots[0]
    assert allowed
    assert not roots[1]


def test_the_cheapest_products_that_every_row_allows_are_tried() -> None:
    columns = {
        "positive": np.array([0.5, 1.0, 2.0]),
        "both signs": np.array([-1.0, 1.0, 2.0]),
        "two values": np.array([0.0, 1.0, 1.0]),
    }
    products = list_products(columns, 100)
    assert products[0] == (0, 0, 0)
    assert len({*products}) == len(products) == 100
    _, signed, flag = zip(*products, strict=True)
    assert min(signed) == 0
    assert {p.denominator for p in signed} == {1}
    assert {*flag} == {0, 1}
