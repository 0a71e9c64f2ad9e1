from fractions import Fraction

import numpy as np
import pytest
import sympy

from kan_engine.expressions.evaluation import (
    HALF,
    PI,
    Add,
    Call,
    Mul,
    Number,
    Parameter,
    Pow,
    Variable,
    call,
    complexity,
    evaluate,
    number,
    power,
)
from kan_engine.expressions.printing.infix import to_text
from kan_engine.expressions.simplification.display_form import to_display_form
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.expressions.sympy_bridge import from_sympy, to_sympy

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

x, y, z, w = (Variable(name) for name in "xyzw")
rng = np.random.default_rng(0)
POSITIVE = {name: rng.uniform(0.5, 2, 300) for name in "xyzw"}
SIGNED = {name: rng.uniform(-1, 1, 300) for name in "xyzw"}
NEGATIVE = {name: -values for name, values in POSITIVE.items()}


def exp(u):
    return call("exp", u)


def log(u):
    return call("log", u)


def sin(u):
    return call("sin", u)


def cos(u):
    return call("cos", u)


def sqrt(u):
    return power(u, HALF)


def simplified(tree, columns):
    result = simplify(tree, columns)
    before, after = evaluate(tree, columns), evaluate(result, columns)
    good = np.isfinite(before)
    np.testing.assert_allclose(after[good], before[good], rtol=1e-11, atol=1e-13)
    return to_text(result)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (exp(0.3 + 2.0 * log(x) + -1.5 * log(y)), "1.3498588075760032*x**2/y**(3/2)"),
        (exp(log(x) - log(y) - 2 * log(z) - float(np.log(4 * np.pi))), "x/(4*pi*y*z**2)"),
        (exp(0.5 * log(x) + 0.5 * log(y) - 0.5 * log(z)), "sqrt(x*y/z)"),
        (exp(2 * (log(x) + 3 * y)), "x**2*exp(6*y)"),
        (log(x) + log(y) - log(z), "log(x*y/z)"),
        (2 * log(x) - 2 * log(y) + z, "2*log(x/y) + z"),
        (log(exp(x) * y), "x + log(y)"),
        (log(1 / x), "-log(x)"),
        (log(x**3), "3*log(x)"),
        (sqrt(x**2 * y), "x*sqrt(y)"),
        (sqrt(x**2), "x"),
        (sqrt(4 * x), "2*sqrt(x)"),
        (sqrt(8 * x), "2*sqrt(2)*sqrt(x)"),
        (sqrt(x**2 + x**2 * y), "x*sqrt(y + 1)"),
        (call("abs", x) * y, "x*y"),
        (call("sign", x) * y, "y"),
        (sqrt(x) * x**1.5, "x**2"),
        (sqrt(exp(-(x**2)) / (2 * PI)), "exp(-x**2/2)/sqrt(2*pi)"),
        (1 / (1 / x), "x"),
        (x * (1 + y / x), "x + y"),
        (exp(-x) / (1 - exp(-x)), "1/(exp(x) - 1)"),
        (exp(x) / (1 + exp(x)), "1/(exp(-x) + 1)"),
    ],
)
def test_for_positive_columns_logarithms_and_roots_dissolve(tree, expected):
    assert simplified(tree, POSITIVE) == expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (Call("exp", Add((Mul((Number(1.0), sin(x))), -(y ** 2.0), Number(0.0)))), "exp(sin(x) - y**2)"),
        (Add((Pow(Add((Mul((Number(1.0), x)), Number(0.5))), Number(2.0)), -x, Number(-0.25))), "x**2"),
        (2 * (0.5 * x + 0.5 * y), "x + y"),
        (0.37 * x + 0.37 * y, "0.37*(x + y)"),
        (Fraction(1, 3) * PI * x * (3 / PI), "x"),
        (PI * x + PI * x / 2, "3*pi*x/2"),
        (1e-20 * x + y, "y"),
        (0.1 * x + 0.2 * x, "0.3*x"),
        (x * y + x * z + w, "w + x*(y + z)"),
        (x**2 + 2 * x * y + y**2, "(x + y)**2"),
        (x**2 - x + 0.25, "(x - 1/2)**2"),
        (sin(x * y - x - y + 1), "sin((x - 1)*(y - 1))"),
        (sqrt(x**2), "Abs(x)"),
        (sqrt(x**2 * y**2), "Abs(x*y)"),
        (call("abs", x) ** 2, "x**2"),
        (call("abs", -3 * x), "3*Abs(x)"),
        (log(x**2), "log(x**2)"),
        (call("sign", -x), "-sign(x)"),
        (exp(x) * exp(y) * exp(-2 * z), "exp(x + y - 2*z)"),
        (exp(x) ** 3, "exp(3*x)"),
        (exp(x) + exp(-x), "2*cosh(x)"),
        (exp(x) - exp(-x), "2*sinh(x)"),
        (0.5 + 0.5 * call("tanh", 0.5 * x), "1/(exp(-x) + 1)"),
        (0.5 - 0.5 * call("tanh", 0.5 * x), "1/(exp(x) + 1)"),
        (x + -1 * x, "0"),
    ],
)  # fmt: skip
def test_sums_and_products_are_collected(tree, expected):
    assert simplified(tree, SIGNED) == expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (-sin(PI * x + PI), "sin(pi*x)"),
        (-sin(float(np.pi) * x + float(np.pi)), "sin(pi*x)"),
        (sin(x + PI / 2), "cos(x)"),
        (cos(x + PI / 2), "-sin(x)"),
        (cos(x + (1 - float(np.pi) / 2)), "sin(x + 1)"),
        (cos(x + 0.123456789012), "cos(x + 0.123456789012)"),
        (cos(x - 1.5 * PI), "-sin(x)"),
        (sin(x - PI / 2), "-cos(x)"),
        (call("tan", x + PI), "tan(x)"),
        (call("tan", x + PI / 2) * x, "-x/tan(x)"),
        (sin(x + 20.5), "sin(x + 1.6504440784612413)"),
        (sin(-x), "-sin(x)"),
        (cos(-2 * x + y), "cos(2*x - y)"),
        (sin(x) ** 2 + cos(x) ** 2 + y, "y + 1"),
        (y * sin(x) ** 2 + y * cos(x) ** 2, "y"),
        (1 - sin(x) ** 2, "cos(x)**2"),
        (0.5 - 0.5 * cos(2 * x), "sin(x)**2"),
        (3 + 3 * cos(2 * x), "6*cos(x)**2"),
        (sin(x) / cos(x), "tan(x)"),
        (call("sinh", x) / call("cosh", x), "tanh(x)"),
        (sin(call("asin", x)), "x"),
        (call("atan", -x), "-atan(x)"),
        (call("cosh", -x), "cosh(x)"),
        (cos(PI) * x, "-x"),
        (sin(number(1)) * x, "sin(1)*x"),
        (cos(sqrt(number(2)) + 1) * x, "cos(1 + sqrt(2))*x"),
        ((call("log", number(3)) - 2) ** -2 * x, "x/(2 - log(3))**2"),
    ],
)
def test_phases_and_signs_are_turned(tree, expected):
    assert simplified(tree, SIGNED) == expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (sqrt(x**2), "-x"),
        (call("abs", x * y), "x*y"),
        (sqrt(x * y), "sqrt(x*y)"),
        (sqrt(-x), "sqrt(-x)"),
        (call("sign", x) * z, "-z"),
    ],
)
def test_negative_columns_bring_their_sign(tree, expected):
    assert simplified(tree, NEGATIVE) == expected


def test_a_short_formula_stays_as_it_is():
    assert simplified((x - y) / (1 + x * y / z**2), POSITIVE) == "(x - y)/(x*y/z**2 + 1)"


def test_signs_are_read_on_every_row():
    column = np.full(5000, 1.0)
    column[1234] = -1.0
    columns = {"x": column + np.linspace(0, 0.1, 5000), "y": np.ones(5000)}
    assert simplified(sqrt(x**2) + y, columns) == "Abs(x) + y"


def test_a_sign_that_few_rows_deny_is_not_assumed():
    y_column = np.linspace(-1, 1, 1001)
    y_column[[0, -1]] = 0.5
    columns = {"x": np.linspace(1, 2, 1001), "y": y_column}
    before = sqrt((x * y) ** 2)
    np.testing.assert_allclose(evaluate(simplify(before, columns), columns), evaluate(before, columns))


def test_rows_that_are_no_numbers_do_not_matter():
    columns = {"x": np.linspace(-1, 1, 100)}
    result = simplify(exp(2 * log(x)), columns)
    assert to_text(result) == "x**2"


def test_a_formula_that_is_nowhere_a_number_is_returned():
    tree = log(-(x**2))
    assert simplify(tree, SIGNED) == tree


def test_missing_values_in_a_column_do_not_matter():
    columns = {"x": np.array([np.nan, 1.0, 2.0]), "y": np.array([1.0, 2.0, 3.0])}
    assert to_text(simplify(x * y / x, columns)) == "y"


def test_formulas_with_parameters_are_not_touched():
    tree = Parameter(0) * x * 1.0 + 0.0
    assert simplify(tree, POSITIVE) == tree


def test_constants_are_not_touched():
    assert simplify(2 * PI, {}) == 2 * PI


def test_when_asked_to_stop_the_formula_is_tidied_only():
    assert to_text(simplify(x * y + x * y, POSITIVE, should_stop=lambda: True)) == "2*x*y"


def test_the_result_is_at_most_one_node_longer():
    tree = z * (0.3 * (y - 0.782803) * y * x) ** 4
    assert complexity(simplify(tree, SIGNED)) <= complexity(tree) + 1


def test_large_formulas_come_back_in_bounded_time():
    terms = [sin(0.1 * n * x + 0.3 * y) * (x - 0.1 * n) ** 3 for n in range(1, 25)]
    tree = Add(tuple(terms))
    result = simplify(tree, POSITIVE)
    np.testing.assert_allclose(evaluate(result, POSITIVE), evaluate(tree, POSITIVE), rtol=1e-11)


# --- neighbours


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (sqrt(x) * sqrt(y) * z**-HALF, "sqrt(x*y/z)"),
        (HALF * sqrt(number(2)) * PI**-HALF, "1/sqrt(2*pi)"),
        (x**0.3 * y**0.3, "(x*y)**0.3"),
        (x**0.3 * y**0.5, "x**0.3*sqrt(y)"),
        (sqrt(x) * y, "y*sqrt(x)"),
        (x**-HALF * y**-HALF, "1/sqrt(x*y)"),
    ],
)
def test_roots_are_gathered_for_printing(tree, expected):
    assert to_text(to_display_form(tree)) == expected


def test_sympy_and_back_is_the_same_formula():
    tree = exp(PI * x - 0.25 * y**2) / (call("abs", z) + Fraction(1, 3)) + call("sign", w) * call("exp", 1)
    back = from_sympy(to_sympy(tree))
    np.testing.assert_allclose(evaluate(back, SIGNED), evaluate(tree, SIGNED), rtol=1e-14)


def test_sympy_sees_parameters_as_symbols():
    assert to_sympy(Parameter(2) * x).free_symbols == {
        sympy.Symbol("c2", real=True),
        sympy.Symbol("x", real=True),
    }


@pytest.mark.parametrize("text", ["gamma(x)", "zoo", "I*x", "atan2(x, y)", "nan"])
def test_what_the_library_does_not_have_does_not_come_back(text):
    with pytest.raises(ValueError, match="cannot contain"):
        from_sympy(sympy.sympify(text))


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (exp(y * log(x)), "x**y"),
        (exp((y + 1.5) * log(x)) / x**1.5, "x**y"),
        (z * exp(y * log(x + 1)), "z*(x + 1)**y"),
    ],
)
def test_the_exponential_of_a_multiple_of_a_logarithm_is_a_power(tree, expected):
    assert simplified(tree, POSITIVE) == expected


def test_functions_that_are_forbidden_are_not_brought_in():
    turned = cos(x - PI / 2) + y
    assert to_text(simplify(turned, SIGNED)) == "sin(x) + y"
    kept = simplify(turned, SIGNED, forbidden=frozenset({"sin"}))
    assert "sin" not in to_text(kept)
    np.testing.assert_allclose(evaluate(kept, SIGNED), evaluate(turned, SIGNED), atol=1e-12)


def test_a_forbidden_function_that_is_there_already_may_stay():
    assert to_text(simplify(sin(x) + sin(x), SIGNED, forbidden=frozenset({"sin"}))) == "2*sin(x)"
