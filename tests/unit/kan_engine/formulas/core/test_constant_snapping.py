"""Constants of a form that fits exactly become nice numbers; those of a misfit stay rounded decimals."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Parameter, Variable, add, apply_function, mul, walk
from kan_engine.expressions.nodes import HALF, Number, power
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.core.constant_fitting import ParametricForm
from kan_engine.formulas.core.constant_snapping import finalize_formula

X = Variable("x")
LINE = mul(Parameter(0), X) + Parameter(1)


def rows(law: Callable[[np.ndarray], np.ndarray], count: int, seed: int) -> LabelledRows:
    x = np.random.default_rng(seed).uniform(0.5, 2.0, count)
    return LabelledRows.from_columns({"x": x}, law(x))


def text(tree: Expression, values: list[float], law: Callable[[np.ndarray], np.ndarray]) -> str:
    return to_text(
        finalize_formula(ParametricForm(tree, np.array(values)), rows(law, 80, 0), rows(law, 40, 1))
    )


@pytest.mark.parametrize(
    ("tree", "values", "law", "expected"),
    [
        (LINE, [3 + 1e-12, -1e-12], lambda x: 3 * x, "3*x"),
        (LINE, [1 / 3, 0.25], lambda x: x / 3 + 0.25, "x/3 + 1/4"),
        (
            mul(Parameter(0), apply_function("sin", mul(Parameter(1), X))),
            [1.0, np.pi],
            lambda x: np.sin(np.pi * x),
            "sin(pi*x)",
        ),
        (mul(Parameter(0), Parameter(1), X), [1.7, 3 / 1.7], lambda x: 3 * x, "3*x"),
    ],
)
def test_constants_of_an_exact_form_become_nice(
    tree: Expression, values: list[float], law: Callable[[np.ndarray], np.ndarray], expected: str
) -> None:
    assert text(tree, values, law) == expected


def test_a_constant_that_is_near_no_nice_number_keeps_its_digits() -> None:
    assert text(LINE, [2.718, 1.23456789], lambda x: 2.718 * x + 1.23456789) == "2.718*x + 1.23456789"


def test_nice_numbers_that_would_raise_the_error_are_not_taken() -> None:
    slope = 1 / 3 + 3e-8
    shown = text(LINE, [slope, 0.5], lambda x: slope * x + 0.5)
    assert "x/3" not in shown


def test_a_misfit_earns_as_few_digits_as_do_no_harm() -> None:
    noise = np.random.default_rng(2).normal(0, 0.05, 80)
    tree = finalize_formula(
        ParametricForm(LINE, np.array([1.0000123, 0.3333321])),
        rows(lambda x: x + 1 / 3 + noise[: len(x)], 80, 0),
        rows(lambda x: x + 1 / 3 + noise[: len(x)], 40, 1),
    )
    assert to_text(tree) == "x + 0.335"


@pytest.mark.parametrize("error", [1e-5, 1e-7])
def test_a_small_misfit_keeps_more_digits(error: float) -> None:
    noise = np.random.default_rng(2).normal(0, error, 80)
    slope = 1.23456789
    tree = finalize_formula(
        ParametricForm(LINE, np.array([slope, 0.0])),
        rows(lambda x: slope * x + noise[: len(x)], 80, 0),
        rows(lambda x: slope * x + noise[: len(x)], 40, 1),
    )
    shown = [float(node.value) for node in walk(tree) if isinstance(node, Number) and node.value != 0]
    assert shown == [pytest.approx(slope, abs=error)]


def test_the_root_of_a_rounded_number_does_not_feign_an_exact_constant() -> None:
    noise, slope = np.random.default_rng(2), 6.28
    tree = mul(power(Parameter(0), HALF), X)  # 39.5 = 79/2 is near the best square
    shown = text(tree, [slope**2], lambda x: slope * x + noise.normal(0, 0.02 * slope, len(x)))
    assert re.fullmatch(r"6\.2\d+\*x", shown)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_slope_of_one_is_found_before_the_offset_is_rounded(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = generator.uniform(8, 13, 24)
    data = LabelledRows.from_columns({"x": x}, x + 2.08 + 0.08 * generator.normal(size=24))
    form = ParametricForm(add(mul(Parameter(0), Variable("x")), Parameter(1)), np.array([1.01, 2.04]))
    assert to_text(finalize_formula(form, data, data)).startswith("x + ")


def test_a_function_that_hardly_varies_over_the_rows_becomes_a_constant() -> None:
    noise = np.random.default_rng(3).normal(0, 0.01, 80)
    tree = add(mul(Parameter(0), X), apply_function("exp", mul(1e-7, X)))
    assert text(tree, [2.0], lambda x: 2 * x + 1 + noise[: len(x)]) == "2*x + 1"


def test_a_function_that_hardly_varies_stays_where_the_rows_tell_it_from_a_constant() -> None:
    noise = np.random.default_rng(3).normal(0, 1e-6, 80)
    tree = add(mul(Parameter(0), X), apply_function("cosh", mul(0.02, X)))
    assert "cosh" in text(tree, [2.0], lambda x: 2 * x + np.cosh(0.02 * x) + noise[: len(x)])
