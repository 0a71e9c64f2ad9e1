"""Which columns of a wide table are kept: those with an effect, and none of noise."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine.data.encoding import Encoding
from kan_engine.data.screening.columns import screen_columns
from kan_engine.data.screening.screening import KeptColumn, Screening
from kan_engine.data.screening.thresholds import DEFAULT_SCREENING
from tests.unit.service.test_web_details import is_translated

BRIEF = replace(DEFAULT_SCREENING, halves=2)  # the repetitions take most of the time


def screen(x: np.ndarray, y: np.ndarray, **options: Any) -> Screening | None:
    """The screening of columns ``x0``, ``x1``, …"""
    names = [f"x{place}" for place in range(x.shape[1])]
    encoding = Encoding.fit(dict(zip(names, x.T, strict=True)), dict.fromkeys(names, "number"))
    options = {"is_classification": False, "weights": np.ones(len(y)), "thresholds": BRIEF, **options}
    return screen_columns(encoding, lambda rows: x[rows], y, **options)


def keep(x: np.ndarray, y: np.ndarray, **options: Any) -> dict[str, str]:
    """Kept columns with their reasons."""
    found = screen(x, y, **options)
    assert found is not None
    return {column.name: column.reason for column in found.kept}


def uniform(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (rows, columns))


X = uniform(200, 150)
NOISE = 0.1 * np.random.default_rng(9).normal(size=200)


@pytest.mark.parametrize(
    "effect",
    [lambda x: 3 * x, lambda x: x**2, lambda x: np.sin(7 * x), lambda x: 1.0 * (x > 0.8)],
    ids=["line", "parabola", "oscillation", "step"],
)
def test_a_column_with_any_curve_is_kept_alone(effect: Any) -> None:
    assert keep(X, effect(X[:, 17]) + NOISE) == {"x17": "single"}


def test_columns_that_act_only_together_are_kept() -> None:
    assert keep(X, X[:, 5] * X[:, 120] + NOISE) == {"x5": "product", "x120": "product"}


def test_a_column_hidden_by_a_stronger_one_is_found_in_what_that_leaves() -> None:
    assert keep(X, 20 * X[:, 3] + 0.8 * X[:, 4] + NOISE) == {"x3": "single", "x4": "single"}


def test_noise_keeps_nothing_but_one_column_that_the_target_did_not_choose() -> None:
    kept = [keep(uniform(60, 300, seed), np.random.default_rng(seed).normal(size=60)) for seed in range(4)]
    assert kept == [{"x0": "first"}] * 4


def test_noisy_classes_keep_nothing_either() -> None:
    x = uniform(80, 300)
    x[:, 150:] = x[:, 150:] > 0.8
    y = (np.random.default_rng(1).random(80) > 0.8).astype(float)
    assert keep(x, y, is_classification=True) == {"x0": "first"}


def test_columns_of_classes_are_kept() -> None:
    y = np.digitize(X[:, 8] + X[:, 9], [-0.5, 0.5]).astype(float)
    assert keep(X, y, is_classification=True).keys() >= {"x8", "x9"}


def test_many_weak_columns_are_kept_where_a_line_through_all_is_better() -> None:
    x = np.random.default_rng(2).normal(size=(500, 120))
    y = x @ np.random.default_rng(3).choice([-1.0, 1.0], 120) + np.random.default_rng(4).normal(size=500)
    kept = keep(x, y)
    assert len(kept) == 100
    assert "line" in kept.values()


def test_required_columns_are_kept_beside_others() -> None:
    kept = keep(X, 3 * X[:, 17] + NOISE, required={"x2", "x17"})
    assert kept == {"x2": "required", "x17": "required"}


def test_a_kept_column_comes_back_on_halves_of_the_rows() -> None:
    found = screen(X, 3 * X[:, 17] + NOISE)
    assert found is not None
    assert [column.stability for column in found.kept] == [1.0]
    assert found.describe_instability() is None


def test_rows_of_little_weight_decide_little() -> None:
    y = np.where(np.arange(200) < 150, 3 * X[:, 17], 30 * X[:, 18]) + NOISE
    weights = np.where(np.arange(200) < 150, 1.0, 1e-6)
    assert keep(X, y, weights=weights) == {"x17": "single"}


def test_a_table_that_is_not_wide_is_not_screened() -> None:
    assert screen(uniform(200, 100), NOISE) is None
    assert screen(uniform(30, 40), NOISE[:30]) is None
    assert screen(uniform(200, 120), NOISE, required={f"x{place}" for place in range(20)}) is None


def test_the_kept_columns_are_not_screened_again() -> None:
    x = np.random.default_rng(2).normal(size=(60, 200))
    y = x[:, :50].sum(1)
    kept = list(keep(x, y))
    assert screen(x[:, [int(name[1:]) for name in kept]], y) is None


def test_a_column_of_categories_is_kept_whole() -> None:
    towns = np.random.default_rng(5).choice(["Oslo", "Rome", "Ulm"], 200).astype(object)
    names = [f"x{place}" for place in range(150)]
    columns = {"town": towns, **dict(zip(names, X.T, strict=True))}
    encoding = Encoding.fit(columns, {"town": "category", **dict.fromkeys(names, "number")})
    encoded = encoding.transform(columns)
    found = screen_columns(
        encoding,
        lambda rows: encoded[rows],
        (towns == "Rome") + NOISE,
        np.ones(200),
        is_classification=False,
        thresholds=DEFAULT_SCREENING,
    )
    assert found is not None
    assert [column.name for column in found.narrow(encoding).names] == [
        "town is Oslo",
        "town is Rome",
        "town is Ulm",
    ]


def test_the_same_seed_keeps_the_same_columns() -> None:
    y = X[:, 5] * X[:, 120] + NOISE
    assert screen(X, y, seed=3) == screen(X, y, seed=3)


def test_a_screening_without_time_tests_single_columns_and_tells_so() -> None:
    found = screen(X, 3 * X[:, 17] + X[:, 5] * X[:, 120] + NOISE, is_late=lambda: True)
    assert found is not None
    assert [column.name for column in found.kept] == ["x17"]
    assert found.warnings[-1].startswith("the time did not suffice")
    assert is_translated(found.warnings[-1])


def test_what_is_told_of_a_screening_has_russian_words() -> None:
    x = np.random.default_rng(2).normal(size=(60, 200))
    found = [screen(X, 3 * X[:, 17] + NOISE), screen(x, x[:, 0] * 0 + uniform(60, 1)[:, 0])]
    found += [replace(found[0], kept=(KeptColumn(name="a", reason="line", stability=0.1),) * 12)]
    warnings = [text for each in found if each is not None for text in each.warnings]
    assert len(warnings) == 4
    assert [text for text in warnings if not is_translated(text)] == []
