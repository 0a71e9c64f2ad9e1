"""Arguments of functions that the rows cannot tell."""

import numpy as np
import pytest
import sympy

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Variable, call, evaluate, mul
from kan_engine.expressions.sympy_bridge import from_sympy
from kan_engine.formulas.soundness.resolution import has_step, resolve_arguments

X = np.linspace(0, 1, 100)
COLUMNS = {"x": X, "w": np.linspace(1, 400, 100)}


def parse(text: str) -> Expression:
    return from_sympy(sympy.sympify(text))


def resolve(text: str, law: str = "x") -> Expression | None:
    noise = np.random.default_rng(0).normal(0, 0.02, len(X))
    rows = LabelledRows.from_columns(COLUMNS, evaluate(parse(law), COLUMNS) + noise)
    return resolve_arguments(parse(text), rows)


@pytest.mark.parametrize(
    "text", ["x", "sin(6.5*x)", "sin(x*w)", "exp(-2.5*x)", "tanh(7.5*x - 3.3)", "2.5*log(1.5 + x)"]
)
def test_arguments_that_the_rows_tell_stay(text: str) -> None:
    assert resolve(text, text) == parse(text)


@pytest.mark.parametrize("text", ["x + sin(3359.5*x)", "cos(500.1*x)"])
def test_oscillations_between_the_rows_are_refused(text: str) -> None:
    assert resolve(text, "x") is None


def test_a_spike_at_one_row_is_refused() -> None:
    spike = call("exp", mul(5000.5, Variable("x") - 1))
    rows = LabelledRows.from_columns(COLUMNS, evaluate(spike, COLUMNS))
    assert resolve_arguments(spike, rows) is None


def test_a_step_becomes_a_level() -> None:
    text, law = "0.5 + 2.5*tanh(3518.1*x - 1759.1)", "0.5 + 2.5*sign(x - 0.5)"
    assert resolve(text, law) == parse("0.5 + 2.5*sign(3518.1*x - 1759.1)")
    assert has_step(parse(text), COLUMNS, 1e-9)
    assert not has_step(parse("tanh(2.5*x)"), COLUMNS, 1e-9)


def test_a_slope_that_two_rows_tell_is_a_step() -> None:
    # Two rows are near the step, all others on its levels
    assert has_step(parse("tanh(500.5*x - 250.2)"), COLUMNS, 1e-3)
    assert not has_step(parse("tanh(60.5*x - 30.2)"), COLUMNS, 1e-3)


def test_two_kinks_without_rows_between_are_a_step() -> None:
    ramp = "250.5*(Abs(x - 0.4952) - Abs(x - 0.5042))"
    assert has_step(parse(ramp), COLUMNS, 1e-9)
    assert resolve(ramp) is None
    assert not has_step(parse("Abs(x - 0.3) - Abs(x - 0.5)"), COLUMNS, 1e-9)
    assert not has_step(parse("Abs(x - 0.3) + Abs(w - 200)"), COLUMNS, 1e-9)


def test_an_argument_whose_double_is_undefined_is_told() -> None:
    assert not has_step(parse("asin(0.9*x)"), {"x": np.linspace(0.6, 1, 50)}, 1e-9)
