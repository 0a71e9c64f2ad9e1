"""Transitions between two ends that are constants or columns, and pulses."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import FormulaConstraints, list_functions
from kan_engine.formulas.strategies.scans.pairs_of_ends import match_logarithms, match_products
from kan_engine.formulas.strategies.scans.transitions import Transitions
from tests.support.engine.laws import Law
from tests.support.engine.scans import Ranges, propose

TRANSITIONS: dict[str, tuple[Law, Ranges]] = {
    "a relaxation from one column to another": (
        lambda t, room, start: room + (start - room) * np.exp(-0.3 * t),
        {"t": (0, 12), "room": (15, 25), "start": (60, 95)},
    ),
    "a relaxation in a quotient of columns": (
        lambda t, m, oven, cold: oven + (cold - oven) * np.exp(-2.3 * t / m),
        {"t": (0.2, 3), "m": (1, 6), "oven": (140, 220), "cold": (2, 20)},
    ),
    "logistic growth between columns": (
        lambda t, k, n: k / (1 + (k / n - 1) * np.exp(-0.6 * t)),
        {"t": (0, 15), "k": (50, 120), "n": (2, 9)},
    ),
    "growth of Gompertz between columns": (
        lambda t, k, n: k * (n / k) ** np.exp(-0.4 * t),
        {"t": (0, 12), "k": (50, 120), "n": (2, 9)},
    ),
    "a Gompertz curve with free ends": (
        lambda t: 5 + 30 * np.exp(-4 * np.exp(-0.5 * t)),
        {"t": (0, 14)},
    ),
    "a sigmoid with columns as ends": (
        lambda x, low, high: low + (high - low) / (1 + np.exp(-1.7 * (x - 3))),
        {"x": (0, 6), "low": (0, 4), "high": (30, 50)},
    ),
    "absorption and elimination of a dose": (
        lambda t, dose, v: 1.3 * dose / v * (np.exp(-0.2 * t) - np.exp(-1.5 * t)),
        {"t": (0, 20), "dose": (50, 300), "v": (20, 50)},
    ),
    "the payments of a loan": (
        lambda loan, r, n: loan * r / (1 - (1 + r) ** -n),
        {"loan": (10, 90), "r": (0.01, 0.09), "n": (3, 30)},
    ),
}


@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_transition_is_found_behind_noise_from_two_hundred_rows(name: str) -> None:
    _, error = propose(Transitions(), *TRANSITIONS[name], 0.03)
    assert error < 0.3 * 0.03


@pytest.mark.parametrize("name", ["a Gompertz curve with free ends", "the payments of a loan"])
def test_a_transition_without_noise_is_exact(name: str) -> None:
    _, error = propose(Transitions(), *TRANSITIONS[name], 0.0)
    assert error < 1e-9


def test_no_transition_has_a_forbidden_function() -> None:
    limits = FormulaConstraints(frozenset({"exp"}))
    trees, _ = propose(Transitions(), *TRANSITIONS["a Gompertz curve with free ends"], 0.03, limits)
    assert trees
    assert not any("exp" in list_functions(tree) for tree in trees)


def draw_matches() -> tuple[LabelledRows, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rows = LabelledRows.from_columns({}, rng.normal(size=40), rng.uniform(0.5, 2, 40))
    return rows, rng.uniform(0.5, 2, (40, 3)), rng.uniform(0, 1, (40, 5))


@pytest.mark.parametrize("is_pulse", [False, True])
def test_matches_are_those_of_least_squares(is_pulse: bool) -> None:
    rows, ends, shapes = draw_matches()
    root, whole = np.sqrt(rows.weights), rows.weights.sum() * np.abs(rows.y).max() ** 2
    for match in match_products(rows, ends, shapes, is_pulse=is_pulse, keep=4):
        s = shapes[:, match.shape]
        parts = ((match.first, np.ones(40) if is_pulse else 1 - s), (match.second, s))
        columns = np.stack([ends[:, place] * part for place, part in parts if place is not None], 1)
        solution, squares, *_ = np.linalg.lstsq(root[:, None] * columns, root * rows.y, rcond=None)
        assert [c for c in match.coefficients if c] == pytest.approx(list(solution))
        assert match.left == pytest.approx(float(squares[0]) / whole)


def test_matches_of_logarithms_are_those_of_least_squares() -> None:
    rows, ends, shapes = draw_matches()
    root, whole = np.sqrt(rows.weights), rows.weights.sum() * np.abs(rows.y).max() ** 2
    for match in match_logarithms(rows, ends, shapes, keep=4):
        s = shapes[:, match.shape]
        rest = rows.y - ends[:, match.first] * (1 - s) - ends[:, match.second] * s
        solution, squares, *_ = np.linalg.lstsq(
            root[:, None] * np.stack([1 - s, s], 1), root * rest, rcond=None
        )
        assert list(match.coefficients) == pytest.approx(list(solution))
        assert match.left == pytest.approx(float(squares[0]) / whole)
