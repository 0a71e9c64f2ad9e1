"""Whether formulas are defined and bounded between the rows, too."""

import numpy as np
import pytest
import sympy

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.expressions.sympy_bridge import from_sympy
from kan_engine.formulas.soundness.examination import Soundness, compute_limits, examine_formula

ROWS = 200
RNG = np.random.default_rng(0)
COLUMNS = {
    "a": RNG.uniform(1, 5, ROWS),
    "b": RNG.uniform(1, 5, ROWS),
    "f": 10 ** RNG.uniform(-15, 15, ROWS),
    "s": RNG.uniform(-2, 2, ROWS),
    "k": RNG.integers(0, 2, ROWS).astype(float),
}


def parse(text: str) -> Expression:
    return from_sympy(sympy.sympify(text))


def examine(text: str, law: str = "2*a + b") -> Soundness:
    """What is known of a formula at rows of a law."""
    y = evaluate(parse(law), COLUMNS)
    return examine_formula(parse(text), LabelledRows.from_columns(COLUMNS, y))


@pytest.mark.parametrize(
    "text",
    ["2*a + b", "sqrt(a**2 + b**2)", "a/b", "1/sqrt(1 + f**2)", "log(a)/a", "exp(-s**2)", "1/(k + 2)", "3"],
)
def test_bounds_prove_usual_formulas(text: str) -> None:
    assert examine(text).status == "proved"


@pytest.mark.parametrize(
    "text",
    [
        "a/(s - 0.0123)",
        "1/(a - b)",
        "log(a - b)",
        "sqrt(s)",
        "tan(a)",
        "(0.165 - 0.008/(a*s))/(a*s)",
        "exp(300*s)",
        "1/(s - 0.3)**2",
        "10**(8 - 1700/(150*s + 230))",
        "b*f",
    ],
)
def test_a_formula_is_violated_at_a_point_of_its_box(text: str) -> None:
    found = examine(text)
    assert found.status == "violated"
    assert found.at is not None
    columns = {name: np.array([value]) for name, value in found.at.items()}
    assert all(COLUMNS[name].min() <= value <= COLUMNS[name].max() for name, value in found.at.items())
    (value,) = evaluate(parse(text), columns)
    assert found.value == (value if np.isfinite(value) else None)


def test_a_step_within_the_limits_is_no_violation_though_nothing_proves_it() -> None:
    assert examine("a + sign(s)").status == "sampled"
    assert examine("a + 100*sign(s)").status == "violated"


def test_an_indicator_has_no_values_between_its_two() -> None:
    assert examine("1/(k - 0.5)").status != "violated"
    assert examine("1/(k + s)").status == "violated"


def test_a_violation_that_is_far_from_all_rows_is_told_apart() -> None:
    a = np.linspace(0, 1, 50)
    columns = {"a": a, "b": a + 0.01 * np.sin(40 * a)}  # near the diagonal
    rows = LabelledRows.from_columns(columns, a)
    far = examine_formula(parse("1/(1.5 + a - 2*b)"), rows)
    near = examine_formula(parse("1/(0.5 - a)"), rows)
    assert (far.status, far.is_far) == ("violated", True)
    assert (near.status, near.is_far) == ("violated", False)


def test_limits_follow_from_the_target() -> None:
    low, high = compute_limits(np.linspace(1, 2, 100))
    assert low < -1
    assert 4 < high < 10
    low, high = compute_limits(np.geomspace(1e-3, 1e3, 100))  # as far on a logarithmic scale
    assert high >= 1e9
    assert compute_limits(np.full(5, 3.0)) == (-6.0, 12.0)
