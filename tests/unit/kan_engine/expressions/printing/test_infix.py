"""Golden texts, and every language's text evaluated against the tree."""

from fractions import Fraction

import numpy as np
import pytest
import sympy

from kan_engine.expressions.evaluation import (
    HALF,
    PI,
    Mul,
    Number,
    Parameter,
    Pow,
    Variable,
    apply_function,
    call,
    evaluate,
    number,
)
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.expressions.printing.infix import to_excel, to_sql, to_text
from kan_engine.expressions.printing.latex import symbol, to_latex
from tests.support import languages

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

x, y, odd = Variable("x"), Variable("y"), Variable("we \"ird] #na'me")
third = Fraction(1, 3)

FORMULAS = [
    call("exp", call("sin", x) - y**2),
    Fraction(1, 4) * PI**-1 * x * y**-1 * odd**-2,
    1 / (x * y),
    -(x**2),
    (-x) ** 2 - -y,
    -(x + 1) * y,
    (x - 0.25) ** third,
    x ** Fraction(-3, 2) * y,
    number(2) ** HALF * x,
    number(2) ** -HALF * x,
    -x - y,
    -x + y,
    1 - x / 3,
    1e-5 * x,
    -1.5e300 * x * 1e-300,
    x**y,
    (x * y) ** -y,
    x ** (-y),
    call("abs", -x) * odd,
    call("sin", x) ** 2 / (1 + odd**2),
    (x**2) ** 3,
    (x / y) ** -1,
    x / (y / odd),
    number(-2.5) * x**3,
    call("sign", -x) / 2,
    Number(-2) + x * (-3),
    Number(0.1) ** x,
    Fraction(3, 2) * PI * x,
    number(third) + x,
    number(-third) * (x - y),
    call("log", call("asinh", x) + call("acosh", 2 + x) + call("atanh", x / 2)),
    call("asin", x / 2) + call("acos", x / 2) + call("atan", x) + call("tan", x),
    call("sinh", x) + call("cosh", x) * call("tanh", x),
    2 / (3 * x) + (x + y) / (x - 5 * y),
    (call("exp", x) - 1) ** -1,
    -(Number(0.5) * x / y),
    Number(2) ** x * 3,
    number(-1.5e-300) * x * 1e300,
    1e-12 * x + 123456789.123 * y,
    Number(Fraction(10**15)) / (x + 3e22),
    (1 + 1 / (1 + 1 / (x + 1 / y))) / (x / (1 + y / odd)),
    (x**y) ** odd,
    x ** (y**odd),
    (-x) ** -2 / y,
    *(apply_function(name, x / 2) for name in LIBRARY if name != "acosh"),
]
SIGNED = [
    -(x**2),
    (-x) ** 2,
    -((-x) ** 3),
    y - x**2,
    -(x**2) - y**3 * -x,
    Number(-2) * -(x**2) / -y,
    -(call("exp", -(x**2)) ** 2),
    -(x**-1) - y**-2,
    -(call("abs", x) ** HALF),
    call("sign", x) ** 3 / call("sign", y),
    x**2 * -((y**2) ** 3),
    call("sin", -(y**2)) - -(x**2),
]
WHOLE = [
    x / y,
    1 / x,
    x / (2 * y),
    x / (y / x),
    (x + 1) / y,
    x**-2,
    x**3,
    x * y * y,
    (x - y) * (x + y) / (x * y),
    call("abs", x) * y / call("sign", y),
]
COLUMNS = {
    "x": np.array([0.5, 0.9, 1.3]),
    "y": np.array([0.2, 1.7, 2.2]),
    odd.name: np.array([-0.4, 0.8, 3.0]),
}
every_language = pytest.mark.parametrize("run", languages.ALL, ids=lambda run: run.__name__)

# --- the languages, run


@pytest.mark.parametrize("tree", FORMULAS, ids=to_text)
@every_language
def test_every_language_gives_the_same_values(run, tree):
    # This spreadsheet computes erf to ten digits.
    rtol = 1e-10 if run is languages.in_spreadsheet and "erf" in to_text(tree) else 1e-13
    np.testing.assert_allclose(run(tree, COLUMNS), evaluate(tree, COLUMNS), rtol=rtol)


@pytest.mark.parametrize("run", [languages.in_javascript, languages.in_sqlite, languages.in_c])
def test_the_error_function_is_exact_far_from_zero_and_near_it(run):
    columns = {"x": np.array([-30.0, -6.1, -5.9, -2.5, -1.0, -0.99, -1e-9, 0.0, 1e-300, 0.3, 1.1, 3.7, 8.0])}
    tree = call("erf", x + 0 * call("erf", x))
    np.testing.assert_allclose(run(tree, columns), evaluate(tree, columns), rtol=5e-15)


@pytest.mark.parametrize("tree", SIGNED, ids=to_text)
@every_language
def test_signs_stay_where_they_belong(run, tree):
    columns = {"x": np.array([-2.5, -1.0, 1.5]), "y": np.array([0.5, -3.0, -2.0])}
    np.testing.assert_allclose(run(tree, columns), evaluate(tree, columns), rtol=1e-14)


@pytest.mark.parametrize("tree", WHOLE, ids=to_text)
@pytest.mark.parametrize("run", [languages.in_python, languages.in_numpy, languages.in_sqlite])
def test_columns_may_be_integers(run, tree):
    columns = {"x": np.array([1, 3_000_000]), "y": np.array([2, 7_000_000])}
    floats = {name: column.astype(float) for name, column in columns.items()}
    np.testing.assert_allclose(
        np.asarray(run(tree, columns), dtype=float), evaluate(tree, floats), rtol=1e-14
    )


@pytest.mark.parametrize("tree", [x + y, x * y, -x, x - y, x**2 / (1 + y), call("exp", x)], ids=to_text)
@pytest.mark.parametrize(
    "run", [languages.in_python, languages.in_numpy, languages.in_javascript, languages.in_spreadsheet]
)
def test_columns_may_be_booleans(run, tree):
    columns = {"x": np.array([False, True, True]), "y": np.array([False, False, True])}
    floats = {name: column.astype(float) for name, column in columns.items()}
    np.testing.assert_allclose(
        np.asarray(run(tree, columns), dtype=float), evaluate(tree, floats), rtol=1e-15
    )


# --- golden texts


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (call("exp", call("sin", x) - y**2), "exp(sin(x) - y**2)"),
        (-1 * x + y, "y - x"),
        (-1 * x - y, "-x - y"),
        (x + -2 * y - 3, "x - 2*y - 3"),
        (1 / (x * y), "1/(x*y)"),
        (Fraction(1, 4) * PI**-1 * x * y**-2, "x/(4*pi*y**2)"),
        (Fraction(-3, 2) * x, "-3*x/2"),
        (0.1 * x + 1e-20, "0.1*x + 1e-20"),
        (number(2) ** HALF / 2 * x, "sqrt(2)*x/2"),
        (call("abs", x), "Abs(x)"),
        (Variable("a b") * Variable("lambda"), "a_b*lambda_"),
        (Parameter(0) * x, "c0*x"),
        (x**-HALF, "1/sqrt(x)"),
    ],
)
def test_text_reads_as_a_person_would_write_it(tree, expected):
    assert to_text(tree) == expected


def test_floats_are_written_so_that_they_read_back_the_same():
    value = 0.1 + 0.2
    read = sympy.sympify(to_text(value * x), locals={"x": sympy.Symbol("x")})
    assert float(read.coeff(sympy.Symbol("x"))) == value


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (
            call("exp", call("sin", Variable("x1")) - Variable("x2") ** 2),
            r"e^{\sin\left(x_{1}\right) - x_{2}^{2}}",
        ),
        (Fraction(1, 4) * PI**-1 * x * Variable("epsilon") ** -1, r"\frac{x}{4 \pi \epsilon}"),
        (call("sin", x) ** 2, r"\sin^{2}\left(x\right)"),
        (call("exp", x) ** 2, r"\left(e^{x}\right)^{2}"),
        (call("exp", x / (2 * y)), r"e^{\frac{x}{2 y}}"),
        (call("exp", (1 + x / y) / y), r"\exp\left(\frac{1 + \frac{x}{y}}{y}\right)"),
        ((x + y) ** HALF, r"\sqrt{x + y}"),
        (call("abs", x - y), r"\left|x - y\right|"),
        (call("asin", x), r"\arcsin\left(x\right)"),
        (-x, "- x"),
        (call("log", x), r"\ln\left(x\right)"),
        (1.5e-7 * x, r"1.5 \cdot 10^{-7} x"),
        (1e-5 * x, r"10^{-5} x"),
        (1e9 * x**2 * 1e9, r"10^{18} x^{2}"),
        (x * number(2) ** y, r"x \cdot 2^{y}"),
        (x * (x - y), r"x \left(x - y\right)"),
        (2 * Variable("MedInc") * x, r"2 \mathrm{MedInc} \cdot x"),
        (x * Variable("MedInc") * (x + y), r"x \cdot \mathrm{MedInc} \cdot \left(x + y\right)"),
        (Mul((Number(2), Pow(Number(third), Number(3)))), r"2 \cdot \left(\frac{1}{3}\right)^{3}"),
        (Parameter(1) + x, "c_{1} + x"),
        (number(Fraction(1, 3)), r"\frac{1}{3}"),
    ],
)
def test_latex_reads_as_in_a_paper(tree, expected):
    assert to_latex(tree) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", "x"),
        ("x12", "x_{12}"),
        ("omega_0", r"\omega_{0}"),
        ("theta", r"\theta"),
        ("gamma_", r"\gamma"),
        ("MedInc", r"\mathrm{MedInc}"),
        ("E_den", r"E_{\mathrm{den}}"),
        ("a_b_c", r"\mathrm{a\_b\_c}"),
        ("θ", r"\theta"),
        ("ρ_2", r"\rho_{2}"),
        ("Δt", r"\textrm{$\Delta$t}"),
        ("x-1", r"\textrm{x-1}"),
        (r"50% {x}\input", r"\textrm{50\%\ \{x\}\textbackslash input}"),
        ("größe", r"\textrm{größe}"),
    ],
)
def test_column_names_are_typeset_as_symbols(name, expected):
    assert symbol(name) == expected


@pytest.mark.parametrize(
    "columns",
    [
        ["x-1", "x_1"],
        ["x1", "x_1", "x_1_", "x 1"],
        ["alpha", "alpha_", "Alpha"],
        ["a\nb", "a b", "a\tb"],
        ["a\\ b", "a\\", "a ^", "a\\textasciicircum "],
    ],
)
@pytest.mark.parametrize("names", [None, safe_names], ids=["own names", "safe names"])
def test_different_columns_have_different_symbols(columns, names):
    given = names(columns) if names else None
    symbols = [
        to_latex(Variable(column), given or dict(zip(columns, columns, strict=True))) for column in columns
    ]
    assert len(set(symbols)) == len(columns)
    whole = to_latex(call("sin", sum(map(Variable, columns), number(0))), given)
    assert all(symbol in whole for symbol in symbols)


def test_a_column_keeps_its_symbol_in_a_formula_without_the_other():
    names = safe_names(["x-1", "x_1"])
    assert to_latex(Variable("x_1"), names) == "x_{1}"
    assert to_latex(Variable("x-1"), names) == r"\mathrm{x\_1\_}"


def test_a_column_that_ends_with_its_unit_is_written_without_it() -> None:
    names = {"height [m]": "height_m", "speed [m/s]": "speed_m_s", "wall height (m)": "wall_height_m"}
    tree = Variable("height [m]") * Variable("speed [m/s]")
    assert to_latex(tree, names) == r"\mathrm{height} \cdot \mathrm{speed}"
    assert to_latex(Variable("wall height (m)"), names) == r"\textrm{wall\ height}"
    both = {"t [s]": "t_s", "t [min]": "t_min"}
    assert [to_latex(Variable(name), both) for name in both] == ["t", r"t_{\mathrm{min}}"]


@pytest.mark.parametrize("name", ["pi", "pi_", "π", "e"])
def test_a_column_does_not_look_like_a_constant(name):
    assert to_latex(Variable(name)).startswith((r"\mathrm", r"\textrm"))


def test_symbols_stay_on_one_line():
    assert to_latex(Variable("a\n\n\u2028% b")) == r"\textrm{a\ \ \ \%\ b}"


@pytest.mark.parametrize(
    "name", ["".join(map(chr, range(32, 127))), "naïve_°C", "температура", "温度 2", "한국", "ω̂"]
)
def test_a_name_of_any_characters_is_typeset(name):
    assert languages.typeset(to_latex(2 * Variable(name) * x))


def test_sql_quotes_columns():
    assert to_sql(odd) == '"we ""ird] #na\'me"'


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (x / y, '1.0*"x"/"y"'),
        (x * y, '1.0*"x"*"y"'),
        (x / (2 * y), '"x"/(2.0*"y")'),
        (PI * x * y, 'PI()*"x"*"y"'),
        (call("sin", x) * y, 'SIN("x")*"y"'),
        (call("sign", x) * y, '1.0*SIGN("x")*"y"'),
    ],
)
def test_sql_leaves_integers_where_they_could_be_cut_or_overflow(tree, expected):
    assert to_sql(tree) == expected


def test_spreadsheet_references_escape_what_has_a_meaning_in_them():
    assert to_excel(odd + x) == "=[@[we \"ird'] '#na''me]] + [@x]"


def test_names_can_be_given():
    assert to_text(x + y, {"x": "a", "y": "b"}) == "a + b"


@pytest.mark.parametrize(
    ("value", "text", "latex"),
    [
        ("9.81", "9.81*x", "9.81 x"),
        ("-0.15", "-0.15*x", "- 0.15 x"),
        ("1/10", "x/10", r"\frac{x}{10}"),
        ("1/4", "x/4", r"\frac{x}{4}"),
        ("5/2", "5*x/2", r"\frac{5 x}{2}"),
        ("1/3", "x/3", r"\frac{x}{3}"),
    ],
)
def test_a_fraction_that_is_clear_as_a_decimal_is_written_so(value: str, text: str, latex: str) -> None:
    tree = Number(Fraction(value)) * x
    assert to_text(tree) == text
    assert to_latex(tree) == latex
