"""Sparse sums of terms that read well, from one constant up."""

from collections.abc import Mapping

import numpy as np
import pytest

from kan_engine import Formula, FormulaConstraints, LabelledRows, evaluate, variables
from kan_engine.expressions.constraints import list_functions
from kan_engine.formulas.strategies.sums.sparse_additive import fit_additive_forms, select_relevant_columns

RNG = np.random.default_rng(0)


def halves(
    columns: Mapping[str, np.ndarray], target: np.ndarray, weights: np.ndarray | None = None
) -> tuple[LabelledRows, LabelledRows]:
    """Two thirds of the rows to fit on, and the others."""
    rows, most = LabelledRows.from_columns(columns, target, weights), -(-2 * len(target) // 3)
    return rows[:most], rows[most:]


def normal(rows: int, *names: str, seed: int = 0) -> dict[str, np.ndarray]:
    values = np.random.default_rng(seed).normal(size=(len(names), rows))
    return dict(zip(names, values, strict=True))


def r2(formula: Formula, columns: Mapping[str, np.ndarray], target: np.ndarray) -> float:
    return float(1 - np.mean((evaluate(formula.tree, columns) - target) ** 2) / np.var(target))


@pytest.mark.parametrize("rows", [4, 5, 8, 15])
def test_few_rows_have_at_least_their_mean(rows: int) -> None:
    columns = normal(rows, "a", "b", "c", seed=rows)
    target = np.random.default_rng(100 + rows).normal(size=rows)
    formulas = fit_additive_forms(*halves(columns, target)).formulas
    assert variables(formulas[-1].tree) == ()
    assert float(evaluate(formulas[-1].tree, columns)[0]) == pytest.approx(target.mean(), rel=0.01)


def test_a_shortest_form_that_is_given_takes_the_place_of_the_mean() -> None:
    formulas = fit_additive_forms(*halves(normal(60, "a"), RNG.normal(size=60)), constant=-2.5).formulas
    assert float(evaluate(formulas[-1].tree, {"a": np.zeros(1)})[0]) == -2.5


def test_noise_is_a_constant() -> None:
    sizes = []
    for seed in range(10):
        columns = normal(80, *"abcdefgh", seed=seed)
        target = np.random.default_rng(1000 + seed).normal(size=80)
        sizes.append(len(fit_additive_forms(*halves(columns, target)).formulas))
    assert sizes.count(1) >= 8


def test_errors_are_those_of_fresh_rows_though_terms_were_chosen() -> None:
    told, fresh = [], []
    for seed in range(6):
        columns = normal(2060, *"abcdefgh", seed=seed)
        target = columns["a"] + 0.5 * columns["b"] ** 2 + np.random.default_rng(1000 + seed).normal(size=2060)
        few = {name: values[:60] for name, values in columns.items()}
        sums = fit_additive_forms(*halves(few, target[:60]))
        told.append(np.sqrt(np.mean(sums.errors**2)))
        fresh.append(np.sqrt(np.mean((evaluate(sums.formulas[0].tree, columns) - target)[60:] ** 2)))
    assert np.median(told) >= 0.95 * np.median(fresh)


def test_curves_of_several_columns_are_told_apart() -> None:
    x, z, idle = RNG.uniform(0.5, 9, (3, 300))
    target = 3 * np.log(x) - 20 / z + 0.1 * RNG.normal(size=300)
    columns = {"x": x, "z": z, "idle": idle}
    best = fit_additive_forms(*halves(columns, target)).formulas[0]
    assert set(variables(best.tree)) == {"x", "z"}
    assert list_functions(best.tree) == {"log", "1/x"}
    assert r2(best, columns, target) > 0.99


def test_a_product_of_what_was_chosen_is_offered_too() -> None:
    columns = {"x": RNG.uniform(1, 3, 200), "z": RNG.uniform(1, 3, 200)}
    target = columns["x"] * columns["z"] + 0.05 * RNG.normal(size=200)
    formulas = fit_additive_forms(*halves(columns, target)).formulas
    assert r2(formulas[0], columns, target) > 0.99
    assert formulas[0].complexity < 15


def test_a_positive_target_may_be_the_exponential_of_a_sum() -> None:
    columns = normal(200, *"abc")
    target = np.exp(columns["a"] + 0.5 * columns["b"] + 0.2 * RNG.normal(size=200))
    best = fit_additive_forms(*halves(columns, target)).formulas[0]
    assert list_functions(best.tree) == {"exp"}
    assert r2(best, columns, target) > 0.85


def test_one_wrong_target_changes_no_other_answer() -> None:
    columns = normal(150, *"abc")
    truth = columns["a"] + 2 * columns["b"]
    target = truth + 0.1 * RNG.normal(size=150)
    target[7] = 1e6
    assert r2(fit_additive_forms(*halves(columns, target)).formulas[0], columns, truth) > 0.99


def test_one_wrong_value_of_a_column_changes_no_other_answer() -> None:
    columns = normal(150, *"abc")
    target = columns["a"] + 2 * columns["b"] + 0.1 * RNG.normal(size=150)
    right = dict(columns)
    columns["b"] = columns["b"].copy()
    columns["b"][7] = 1e5
    assert r2(fit_additive_forms(*halves(columns, target)).formulas[0], right, target) > 0.98


def test_a_law_holds_for_columns_with_heavy_tails() -> None:
    x, z = np.random.default_rng(5).standard_cauchy((2, 200))
    target = x + 2 * z + 0.3 * RNG.normal(size=200)
    best = fit_additive_forms(*halves({"x": x, "z": z}, target)).formulas[0]
    assert r2(best, {"x": x, "z": z}, target) > 0.99
    usual = np.abs(target) < 10
    assert np.abs(evaluate(best.tree, {"x": x, "z": z}) - target)[usual].max() < 2


def test_a_mark_of_a_single_row_is_no_term() -> None:
    mark = np.zeros(100)
    mark[11] = 1.0
    target = RNG.normal(size=100)
    target[11] = 30.0
    formulas = fit_additive_forms(*halves({"mark": mark}, target)).formulas
    assert all(variables(formula.tree) == () for formula in formulas)


def test_a_column_of_two_values_is_taken_as_it_is() -> None:
    flag = RNG.integers(0, 2, 120).astype(float)
    best = fit_additive_forms(*halves({"flag": flag}, 5 * flag + RNG.normal(size=120))).formulas[0]
    assert list_functions(best.tree) == set()
    assert variables(best.tree) == ("flag",)


def test_every_shorter_form_is_further_off_and_within_the_limits() -> None:
    x, z, w = RNG.uniform(0.5, 9, (3, 300))
    target = 9 * np.log(x) + 3 * np.sqrt(z) + w + 0.1 * RNG.normal(size=300)
    limits = FormulaConstraints(forbidden=frozenset({"log", "exp"}), max_complexity=20)
    formulas = fit_additive_forms(*halves({"x": x, "z": z, "w": w}, target), limits=limits).formulas
    assert len(formulas) > 2
    assert [f.error for f in formulas] == sorted(f.error for f in formulas)
    assert [f.complexity for f in formulas] == sorted((f.complexity for f in formulas), reverse=True)
    assert all(limits.allow(formula.tree) for formula in formulas)


def test_few_columns_of_a_wide_table_are_found() -> None:
    columns = normal(60, *(f"c{place}" for place in range(300)))
    target = 3 * columns["c17"] - 2 * columns["c250"] + 0.2 * RNG.normal(size=60)
    assert {"c17", "c250"} <= set(select_relevant_columns(LabelledRows.from_columns(columns, target), 10))
    best = fit_additive_forms(*halves(columns, target)).formulas[0]
    assert set(variables(best.tree)) == {"c17", "c250"}


def test_a_column_that_matters_by_its_distance_from_the_middle_is_kept() -> None:
    columns = normal(200, *(f"c{place}" for place in range(60)))
    kept = select_relevant_columns(LabelledRows.from_columns(columns, columns["c5"] ** 2), 10)
    assert "c5" in kept
    assert kept == [name for name in columns if name in kept]


def test_rows_without_weight_count_for_nothing() -> None:
    columns = normal(120, *"ab")
    weights = np.where(np.arange(120) % 2, 1.0, 1e-9)
    target = np.where(weights == 1, columns["a"], -columns["a"]) + 0.1 * RNG.normal(size=120)
    best = fit_additive_forms(*halves(columns, target, weights)).formulas[0]
    assert r2(best, {"a": columns["a"][1::2], "b": columns["b"][1::2]}, target[1::2]) > 0.95


def test_the_same_rows_give_the_same_forms() -> None:
    columns, target = normal(90, *"abcd"), RNG.normal(size=90)
    target = target + columns["a"]
    first, second = (fit_additive_forms(*halves(columns, target)) for _ in range(2))
    assert first.formulas == second.formulas
