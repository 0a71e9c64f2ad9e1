"""Golden texts, and every language's text evaluated against the tree."""

import math
import re
import sqlite3
from fractions import Fraction

import numpy as np
import pytest
import sympy

from kan_engine.expression import (
    HALF,
    PI,
    Mul,
    Number,
    Parameter,
    Pow,
    Variable,
    call,
    evaluate,
    number,
    variables,
)
from kan_engine.latex import symbol, to_latex
from kan_engine.library import LIBRARY
from kan_engine.names import safe_names
from kan_engine.printers import (
    to_c,
    to_excel,
    to_javascript,
    to_numpy,
    to_python,
    to_sql,
    to_text,
)

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
]
COLUMNS = {
    "x": np.array([0.5, 0.9, 1.3]),
    "y": np.array([0.2, 1.7, 2.2]),
    odd.name: np.array([-0.4, 0.8, 3.0]),
}
formulas = pytest.mark.parametrize("tree", FORMULAS, ids=to_text)


class JavaScript:
    """What ``Math`` is to JavaScript, for texts that are Python too."""

    PI = math.pi
    pow = staticmethod(math.pow)
    sign = staticmethod(lambda u: math.copysign(1, u) if u else 0)
    abs = staticmethod(abs)

    def __getattr__(self, name):
        return getattr(math, name)


def rows(names):
    """The rows of COLUMNS under other names."""
    return [
        {names.get(column, column): float(values[row]) for column, values in COLUMNS.items()}
        for row in range(3)
    ]


def per_row(text, names, namespace):
    return [eval(text, namespace | row) for row in rows(names)]


# --- the languages, evaluated


@formulas
def test_text_is_read_back_by_sympify_with_the_columns_as_locals(tree):
    names = safe_names(variables(tree))
    symbols = {name: sympy.Symbol(name) for name in names.values()}
    expression = sympy.sympify(to_text(tree), locals=symbols)
    assert expression.free_symbols <= set(symbols.values())
    values = [
        float(expression.subs({symbols[names[column]]: row[column] for column in names})) for row in rows({})
    ]
    np.testing.assert_allclose(values, evaluate(tree, COLUMNS), rtol=1e-13)


@formulas
def test_python_gives_the_same_values(tree):
    names = safe_names(variables(tree))
    np.testing.assert_allclose(
        per_row(to_python(tree), names, {"math": math}), evaluate(tree, COLUMNS), rtol=1e-13
    )


@formulas
def test_numpy_gives_the_same_values(tree):
    arrays = {safe_names(COLUMNS)[column]: values for column, values in COLUMNS.items()}
    np.testing.assert_allclose(eval(to_numpy(tree), {"np": np} | arrays), evaluate(tree, COLUMNS), rtol=1e-13)


@formulas
def test_c_gives_the_same_values(tree):
    text = to_c(tree).replace("(double)", "")
    names = safe_names(variables(tree), ascii_only=True)
    namespace = {name: getattr(math, name) for name in dir(math)}
    np.testing.assert_allclose(per_row(text, names, namespace), evaluate(tree, COLUMNS), rtol=1e-13)


@formulas
def test_c_never_divides_integers(tree):
    assert not re.search(r"(?<![\w.-])\d+(?![\w.])", to_c(tree).replace("> 0", "").replace("< 0", ""))


@formulas
def test_javascript_gives_the_same_values(tree):
    names = safe_names(variables(tree), ascii_only=True)
    np.testing.assert_allclose(
        per_row(to_javascript(tree), names, {"Math": JavaScript()}), evaluate(tree, COLUMNS), rtol=1e-13
    )


@formulas
def test_javascript_has_no_operator_for_powers_since_a_sign_before_it_is_an_error(tree):
    assert "**" not in to_javascript(tree)


@pytest.fixture(scope="module")
def table():
    """COLUMNS in SQLite, and a table of integers beside it."""
    connection = sqlite3.connect(":memory:")
    names = [f.name for f in LIBRARY.values() if f.elementary and f.name not in ("abs", "sign")]
    for name in (*names, "sqrt"):
        connection.create_function("LN" if name == "log" else name.upper(), 1, getattr(math, name))
    connection.create_function("POWER", 2, math.pow)
    connection.create_function("SIGN", 1, JavaScript.sign)
    columns = ", ".join('"' + column.replace('"', '""') + '"' for column in COLUMNS)
    for name in ("measured", "counted"):
        connection.execute(f"CREATE TABLE {name} ({columns})")
    for row in rows({}):
        connection.execute("INSERT INTO measured VALUES (?, ?, ?)", list(row.values()))
    connection.execute("INSERT INTO counted VALUES (1, 2, 3)")
    yield connection
    connection.close()


@formulas
def test_sql_gives_the_same_values(tree, table):
    values = [row[0] for row in table.execute(f"SELECT {to_sql(tree)} FROM measured")]
    np.testing.assert_allclose(values, evaluate(tree, COLUMNS), rtol=1e-13)


@pytest.mark.parametrize("tree", [x / y, 1 / x, x / (2 * y), x / (y / odd), (x + 1) / y, x**-2], ids=to_text)
def test_sql_does_not_divide_integer_columns_as_integers(tree, table):
    (value,) = table.execute(f"SELECT {to_sql(tree)} FROM counted").fetchone()
    counted = {"x": np.array([1.0]), "y": np.array([2.0]), odd.name: np.array([3.0])}
    assert value == pytest.approx(evaluate(tree, counted)[0], rel=1e-15)


def spreadsheet_value(text, row):
    """A spreadsheet formula, evaluated with its rule that a sign binds tighter than a power."""
    references = {to_excel(Variable(column)).removeprefix("="): value for column, value in row.items()}
    for reference, value in references.items():
        signs = text.replace(reference, "r")
        assert not re.search(r"(?:^=|\()-[\w.]+\^", signs), "-a^b would be (-a)^b"
        text = text.replace(reference, f"({value!r})")
    text = re.sub(r"([A-Z]+)\(", lambda match: f"{match[1].lower()}(", text.removeprefix("=")).replace(
        "^", "**"
    )
    names = {name: getattr(math, name) for name in dir(math)}
    functions = {"ln": math.log, "abs": abs, "sign": JavaScript.sign, "pi": lambda: math.pi}
    return eval(text, names | functions)


@formulas
def test_spreadsheets_give_the_same_values(tree):
    values = [spreadsheet_value(to_excel(tree), row) for row in rows({})]
    np.testing.assert_allclose(values, evaluate(tree, COLUMNS), rtol=1e-13)


@formulas
def test_latex_closes_what_it_opens(tree):
    text = to_latex(tree)
    assert text.count("{") - text.count("\\{") == text.count("}") - text.count("\\}")
    assert text.count(r"\left") == text.count(r"\right")


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


@pytest.mark.parametrize("name", ["pi", "pi_", "π", "e"])
def test_a_column_does_not_look_like_a_constant(name):
    assert to_latex(Variable(name)).startswith((r"\mathrm", r"\textrm"))


def test_symbols_stay_on_one_line():
    assert to_latex(Variable("a\n\n\u2028% b")) == r"\textrm{a\ \ \ \%\ b}"


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
