"""Laws of formula trees, on random ones."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kan_engine.expression import (
    PI,
    Add,
    Call,
    Expression,
    Mul,
    Number,
    Parameter,
    Pow,
    Variable,
    add,
    apply_function,
    complexity,
    evaluate,
    from_json,
    mul,
    power,
    to_json,
    value_and_jacobian,
)
from kan_engine.latex import to_latex
from kan_engine.library import LIBRARY
from kan_engine.names import safe_names
from kan_engine.printers import to_javascript, to_numpy, to_python, to_text
from kan_engine.simplify import simplify
from kan_engine.sympy_bridge import from_sympy, to_sympy

# Under test, beartype draws the items that it checks with `random`, also while strategies build trees.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

few = settings(max_examples=60, deadline=None, derandomize=True)

COLUMNS = {
    "x": np.linspace(0.3, 2.0, 37),
    "y": np.linspace(-1.0, 1.0, 37) ** 3,
    "z": np.linspace(-3.0, -0.2, 37)[::-1],
}
PARAMETERS = np.array([0.7, -1.3, 2.1])
ELEMENTARY = [name for name, function in LIBRARY.items() if function.elementary]

variables = st.sampled_from([Variable(name) for name in COLUMNS])
fractions = st.fractions(-9, 9, max_denominator=12).map(Number)
floats = st.floats(-10, 10, allow_subnormal=False).filter(lambda v: abs(v) > 1e-3).map(Number)
exponents = st.sampled_from(
    [Fraction(e) for e in (-3, -2, -1, 2, 3, 4)] + [Fraction(1, 2), Fraction(-1, 2), 1.5, 0.37]
)


def trees(leaves):
    """Trees of the builders over the given leaves."""

    def larger(parts):
        return st.one_of(
            st.lists(parts, min_size=2, max_size=3).map(lambda terms: add(*terms)),
            st.lists(parts, min_size=2, max_size=3).map(lambda factors: mul(*factors)),
            st.builds(power, parts, exponents),
            st.builds(apply_function, st.sampled_from(list(LIBRARY)), parts),
        )

    return st.recursive(leaves, larger, max_leaves=7)


def raw_trees():
    """Trees of bare nodes, as no builder would make them: 1*x + 0, nested sums, numbers anywhere."""

    def larger(parts):
        pairs = st.lists(parts, min_size=2, max_size=3).map(tuple)
        return st.one_of(
            pairs.map(Add),
            pairs.map(Mul),
            st.builds(Pow, parts, exponents.map(Number)),
            st.builds(Call, st.sampled_from(ELEMENTARY), parts),
        )

    return st.recursive(st.one_of(variables, fractions, floats), larger, max_leaves=7)


plain_trees = trees(st.one_of(variables, variables, fractions, floats, st.just(PI)))
parametric_trees = trees(st.one_of(variables, st.sampled_from([Parameter(i) for i in range(3)]), floats))


def are_moderate(values):
    return np.isfinite(values).all() and np.abs(values).max() < 1e6


@few
@given(parametric_trees)
def test_the_jacobian_is_the_derivative(tree):
    step = 1e-5
    values, jacobian = value_and_jacobian(tree, COLUMNS, PARAMETERS)
    assume(are_moderate(values) and are_moderate(jacobian))
    for index in range(3):
        unit = step * np.eye(3)[index]
        near = [evaluate(tree, COLUMNS, PARAMETERS + k * unit) for k in (-2, -1, 1, 2)]
        assume(all(map(are_moderate, near)))
        slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * step)
        coarse = (near[3] - near[0]) / (4 * step)
        smooth = np.abs(slope - coarse) < 1e-4 * (1 + np.abs(slope))  # no kink or pole within the step
        scale = 1 + np.abs(slope) + np.abs(values) * 1e-3
        assert (np.abs(jacobian[:, index] - slope) < 1e-5 * scale)[smooth].all()


@few
@given(raw_trees())
def test_a_stored_tree_comes_back_the_same(tree):
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


def same_values(found, expected, tolerance):
    """Equality to rounding, which cancellation amplifies by the largest value; sin(pi) is 1e-16."""
    return np.allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max() + 1e-15)


@few
@given(st.one_of(plain_trees, raw_trees()))
def test_text_is_a_formula_with_the_same_values_to_sympy(tree):
    values = evaluate(tree, COLUMNS)
    assume(are_moderate(values))
    symbols = {name: sympy.Symbol(name) for name in COLUMNS}
    expression = sympy.sympify(to_text(tree), locals=symbols)
    read = sympy.lambdify(list(symbols.values()), expression, "numpy")(*COLUMNS.values())
    assume(np.isfinite(read).all())  # SymPy reorders, and may overflow where we do not
    assert same_values(read, values, 1e-9)


@few
@given(st.one_of(plain_trees, raw_trees()))
def test_numpy_text_evaluates_to_the_same_values(tree):
    values = evaluate(tree, COLUMNS)
    assume(are_moderate(values))
    try:
        with np.errstate(all="ignore"):
            found = eval(to_numpy(tree), {"np": np} | COLUMNS)
    except ZeroDivisionError:
        return  # of two Python numbers: (0**-3)**-3
    assert same_values(found, values, 1e-11)


@few
@given(st.one_of(plain_trees, raw_trees()))
def test_python_text_evaluates_to_the_same_values(tree):
    values = evaluate(tree, COLUMNS)
    assume(are_moderate(values))
    row = {name: float(column[5]) for name, column in COLUMNS.items()}
    try:
        value = eval(to_python(tree), {"math": math} | row)
    except (OverflowError, ZeroDivisionError):
        return  # NumPy goes on with infinity where Python raises: 1/(1 + exp(800))
    assert same_values(value, values[5], 1e-11)


@few
@given(raw_trees())
def test_latex_and_javascript_are_balanced(tree):
    latex, javascript = to_latex(tree), to_javascript(tree)
    assert latex.count("{") == latex.count("}")
    assert javascript.count("(") == javascript.count(")")


@few
@given(plain_trees)
def test_sympy_and_back_keeps_the_values(tree):
    values = evaluate(tree, COLUMNS)
    assume(are_moderate(values))
    try:
        back = from_sympy(to_sympy(tree))
    except ValueError:
        return  # SymPy knows special values, such as zoo, that the library cannot write
    found = evaluate(back, COLUMNS)
    assume(np.isfinite(found).all())
    assert same_values(found, values, 1e-9)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.one_of(plain_trees, raw_trees()))
def test_simplifying_never_changes_values(tree):
    result = simplify(tree, COLUMNS)
    before, after = evaluate(tree, COLUMNS), evaluate(result, COLUMNS)
    good = np.isfinite(before)
    assert isinstance(result, Expression)
    assert complexity(result) <= complexity(tree) + 1
    if good.any():
        assert same_values(after[good], before[good], 1.1e-12)


@few
@given(st.lists(st.text(max_size=12), unique=True, max_size=8))
def test_safe_names_are_distinct_identifiers(columns):
    names = safe_names(columns)
    assert list(names) == columns
    assert len(set(names.values())) == len(columns)
    assert all(name.isidentifier() for name in names.values())
