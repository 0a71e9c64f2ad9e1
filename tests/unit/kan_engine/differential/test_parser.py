"""The language of equations: what it reads, and what it refuses at which character."""

from fractions import Fraction

import pytest

from kan_engine.differential.jets import Jet, SymbolTable, fix_variable
from kan_engine.differential.parser import parse_equation
from kan_engine.differential.thresholds import DEFAULT_LIMITS
from kan_engine.errors import InvalidEquation
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.nodes import Expression, Number, Variable, substitute
from kan_engine.expressions.parsing import FUNCTIONS
from kan_engine.expressions.printing.infix import to_text

pytestmark = pytest.mark.usefixtures("shapes_unchecked")  # nothing here has a shape


def ordinary() -> SymbolTable:
    return SymbolTable(("x",), ("y", "z"), ("k",))


def partial() -> SymbolTable:
    return SymbolTable(("x", "t"), ("u", "v"))


def told(tree: Expression, words: SymbolTable) -> str:
    """The formula with jets as ``y``, ``y_x``, ``y[0]``: derivatives, then places."""
    names: dict[Expression, Expression] = {
        words.leaf_parameter(leaf): Variable(leaf if isinstance(leaf, str) else _name(leaf, words))
        for leaf in words.leaves
    }
    return to_text(substitute(tree, names))


def _name(jet: Jet, words: SymbolTable) -> str:
    slopes = "".join(name * order for name, order in zip(words.independent, jet.orders, strict=True))
    places = "".join(f"_at_{at:g}" for at in jet.at if at is not None)
    return words.unknowns[jet.unknown] + (f"_{slopes}" if slopes else "") + places


def read(text: str, words: SymbolTable | None = None) -> str:
    words = words or ordinary()
    return told(parse_equation(text, words), words)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", Fraction(7)),
        ("0.1", 0.1),
        (".5", 0.5),
        ("2.", Fraction(2)),
        ("1e3", Fraction(1000)),
        ("1.5E-3", 0.0015),
        ("Rational(1, 10)", Fraction(1, 10)),
        ("Rational(3)", Fraction(3)),
        ("Integer(3)", Fraction(3)),
        ("Float(0.25)", 0.25),
        ("1/3", Fraction(1, 3)),
        ("-2**2", Fraction(-4)),
        ("2**-1", Fraction(1, 2)),
        ("2**3**2", Fraction(512)),
        ("--+-2", Fraction(-2)),
        ("6/3/2", Fraction(1)),
        ("6 - 3 - 2", Fraction(1)),
        ("4*-2", Fraction(-8)),
        ("sqrt(16)", Fraction(4)),
    ],
)
def test_a_number_is_exact_where_it_is_written_exactly(text: str, value: Fraction | float) -> None:
    assert parse_equation(text, ordinary()) == Number(value)


@pytest.mark.parametrize(("text", "value"), [("pi", 3.141592653589793), ("E", 2.718281828459045)])
def test_constants_have_their_values(text: str, value: float) -> None:
    assert evaluate(parse_equation(text, ordinary()), {}) == pytest.approx(value, rel=1e-15)


def test_a_power_of_e_is_the_exponential_function() -> None:
    assert read("E**(-x)") == read("exp(-x)") == "exp(-x)"


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_every_function_of_one_number_is_known_under_sympys_name(name: str) -> None:
    sympy = pytest.importorskip("sympy")
    for place in (0.4, 1.6):  # one of them is in the domain of each
        mine = complex(evaluate(parse_equation(f"{name}({place})", ordinary()), {}))
        theirs = complex(sympy.sympify(f"{name}({place})").evalf())
        if theirs.imag == 0:
            assert mine.real == pytest.approx(theirs.real, rel=1e-13)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("y(x)", "y"),
        (" y ( x )\t+\n z(x)", "y + z"),
        ("Derivative(y(x), x)", "y_x"),
        ("diff(y(x), x)", "y_x"),
        ("Derivative(y(x), x, x)", "y_xx"),
        ("Derivative(y(x), x, 2)", "y_xx"),
        ("Derivative(y(x), (x, 2))", "y_xx"),
        ("Derivative(y(x), (x, 2), x)", "y_xxx"),
        ("Derivative(Derivative(y(x), x), x)", "y_xx"),
        ("Derivative(y(x), (x, 4))", "y_xxxx"),
        ("y(0)", "y_at_0"),
        ("y(1/2)", "y_at_0_5"),
        ("y(-pi)", "y_at__3_14159"),
        ("Subs(y(x), x, 0)", "y_at_0"),
        ("Subs(Derivative(y(x), x), x, 0)", "y_x_at_0"),
        ("Subs(Derivative(y(x), x), (x,), (0,))", "y_x_at_0"),
        ("Subs(Derivative(y(x), x), (x), (0))", "y_x_at_0"),
        ("Subs(x*y(x), x, 2)", "2*y_at_2"),
        ("Eq(y(x), 1)", "y - 1"),
        ("y(x) = 1", "y - 1"),
        ("y(x)*k", "y*k"),
        ("Derivative(y(x)*z(x), x)", "y_x*z + z_x*y"),
        ("Derivative(sin(y(x)), x)", "cos(y)*y_x"),
        ("Derivative(x*Derivative(y(x), x), x)", "y_x + y_xx*x"),
        ("Derivative(k*x, x)", "k"),
        ("Derivative(3, x)", "0"),
        ("y", "y"),
        ("y' = -k*y", "y_x + k*y"),
        ("y'' + 0.4*y' + 4*y = 0", "y_xx + 0.4*y_x + 4*y"),
        ("y‴ + y″ + y’*y′", "y_xxx + y_xx + y_x*y_x"),
        ("y'**2", "y_x**2"),
        ("y'(0) = 1", "y_x_at_0 - 1"),
        ("y''(x)", "y_xx"),
        ("y_xx", "y_xx"),
        ("y_x'", "y_xx"),
        ("Derivative(x*y', x)", "y_x + y_xx*x"),
        ("y^2 + 2^-1", "y**2 + 1/2"),
        ("-y^2", "-y**2"),
        ("π*x − 2·y × z", "pi*x - 2*y*z"),
        ("dy/dx = -k*y", "y_x + k*y"),
        ("x*dy / dx", "x*y_x"),
        ("1/dy/dx", "1/y_x"),
        ("(dy/dx)^2", "y_x**2"),
        ("dy/dx(0) = 1", "y_x_at_0 - 1"),
        ("d2y/dx2", "y_xx"),
        ("d^2y/dx^2", "y_xx"),
        ("d**2 y / dx**2", "y_xx"),
        ("d²y/dx²", "y_xx"),
        ("∂y/∂x", "y_x"),
        ("d/dx(x*dy/dx)", "y_x + y_xx*x"),
    ],
)
def test_an_ordinary_equation_is_read(text: str, meant: str) -> None:
    assert read(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Derivative(u(x, t), x, x, t)", "u_xxt"),
        ("Derivative(u(x, t), x, 2, t)", "u_xxt"),
        ("Derivative(u(x, t), (x, 2), (t, 1))", "u_xxt"),
        ("Derivative(Derivative(u(x, t), t), (x, 2))", "u_xxt"),
        ("Derivative(u(x, t)*v(x, t), t)", "u_t*v + v_t*u"),
        ("u(0, t) - u(1, t)", "u_at_0 - u_at_1"),
        ("u_t = 0.1*u_xx", "u_t - 0.1*u_xx"),
        ("u_xt = u_ttx", "u_xt - u_xtt"),
        ("u_x(1, t) = v", "u_x_at_1 - v"),
        ("Derivative(u(0, t), t)", "u_t_at_0"),
        ("Subs(Derivative(u(x, t), x), x, 1) - t", "u_x_at_1 - t"),
        ("Subs(Derivative(u(x, t), t), (x, t), (1, 0))", "u_t_at_1_at_0"),
        ("∂u/∂t = 0.1*∂²u/∂x²", "u_t - 0.1*u_xx"),
        ("∂²u/∂x∂t", "u_xt"),
        ("d2u/dxdt", "u_xt"),
        ("d2u/(dx dt)", "u_xt"),
        ("d3u/dx2dt", "u_xxt"),
        ("∂u/∂x(0, t) = v", "u_x_at_0 - v"),
        ("∂/∂x(u^2/2)", "u*u_x"),
    ],
)
def test_a_partial_equation_is_read(text: str, meant: str) -> None:
    assert read(text, partial()) == meant


def test_subscripts_are_names_of_variables_in_any_order() -> None:
    words = SymbolTable(("tau", "t"), ("u", "u_1"))
    assert words.find_derivative("u_ttau") == (0, (1, 1))
    assert words.find_derivative("u_1_tt") == (1, (0, 2))
    assert words.find_derivative("u_ta") is None


@pytest.mark.parametrize("own", ["dy", "dx", "d"])
def test_a_name_of_the_problem_is_no_differential(own: str) -> None:
    words = SymbolTable(("x",), ("y",), (own,))
    text = {"dy": "dy/x", "dx": "y/dx", "d": "d*x"}[own]
    assert told(parse_equation(text, words), words) == text
    with pytest.raises(InvalidEquation, match="unknown"):
        parse_equation("d/dx(y)" if own == "d" else "dy/dx", words)


def test_a_known_name_is_no_derivative() -> None:
    words = SymbolTable(("x",), ("u", "u_x"), ("u_xx",))
    assert words.find_derivative("u_x") == (1, (0,))
    assert words.find_derivative("u_xx") is None


@pytest.mark.parametrize(
    ("names", "text", "meant"),
    [
        ((("t",), ("S", "I"), ("beta", "N")), "S' = -beta*S*I/N", "S_t + beta*S*I/N"),
        ((("t",), ("E",), ("Q", "lambda")), "E' = Q*exp(1) - lambda*E", "E_t - (Q*exp(1) - lambda_*E)"),
        ((("pi",), ("zeta",), ("gamma",)), "zeta' = gamma*π - pi", "zeta_pi - (gamma*pi - pi_)"),
        (
            (("sec",), ("u",), ("exp",)),
            "u_sec = exp*exp(-sec) + sec(sec)",
            "u_sec - (exp_*exp(-sec) + 1/cos(sec))",
        ),
        ((("x",), ("Ω", "तापमान"), ()), "तापमान' = Ω", "तापमान_x - Ω"),
    ],
)
def test_any_identifier_is_a_name(names: tuple[tuple[str, ...], ...], text: str, meant: str) -> None:
    assert read(text, SymbolTable(*names)) == meant


def test_subscripts_that_can_be_read_in_two_ways_are_refused() -> None:
    with pytest.raises(InvalidEquation, match="unknown name 'u_xx'"):
        parse_equation("u_xx", SymbolTable(("x", "xx"), ("u",)))


def test_a_prime_does_not_name_one_of_several_variables() -> None:
    with pytest.raises(InvalidEquation, match="write u_x or u_t"):
        parse_equation("u' = 0", partial())


def test_a_value_at_a_place_stays_where_another_is_put_in() -> None:
    words = ordinary()
    tree = parse_equation("y(0) + y(x)", words)
    assert told(fix_variable(tree, "x", 1.0, words), words) == "y_at_0 + y_at_1"


def test_one_jet_is_one_leaf_however_it_is_spelled() -> None:
    words = ordinary()
    parse_equation("Derivative(y(x), x, 2) + diff(Derivative(y(x), x), x) + Derivative(y(x), (x, 2))", words)
    assert words.leaves.count(Jet(0, (2,), (None,))) == 1


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("__import__('os').system('x')", 11, "not part of the language"),
        ("y(x).__class__", 4, "not part of the language"),
        ("x[0]", 1, "not part of the language"),
        ("lambda: 0", 6, "not part of the language"),
        ("lambda", 0, "unknown name 'lambda'"),
        ("'x'", 0, "not part of the language"),
        ('y(x) + "x"', 7, "not part of the language"),
        ("x; y(x)", 1, "not part of the language"),
        ("x\x00", 1, "not part of the language"),
        ("x@x", 1, "not part of the language"),
        ("x % 2", 2, "not part of the language"),
        ("x // 2", 3, "was expected here"),
        ("exec(x)", 0, "unknown function 'exec'"),
        ("__import__(x)", 0, "unknown function '__import__'"),
        ("y(x) + a", 7, "unknown name 'a'"),
        ("I*y(x)", 0, "unknown name 'I'"),
        ("f(x)", 0, "unknown function 'f'"),
        ("1j", 1, "was not expected"),
        ("0x10", 1, "was not expected"),
        ("1_000", 1, "was not expected"),
        ("2x", 1, r"was not expected here; write \* between factors"),
        ("sin(2x)", 5, r"write \* between factors"),
        ("E^(-x) + e^(-x)", 9, r"unknown name 'e'; write exp\(x\)"),
        ("dy/dx^2", 0, "order 1 above and 2 below; write d2y/dx2"),
        ("1 + d2y/dx", 4, "order 2 above and 1 below"),
        ("d5y/dx5", 0, "at most order 4"),
        ("d/dx y", 5, r"in brackets: d/dx\(…\)"),
        ("dy/dt", 0, "a derivative is written dy/dx"),
        ("x^^2", 2, "was expected here"),
        ("(y*z)'", 5, "primes directly follow the name"),
        ("y '", 2, "primes directly follow the name"),
        ("x'", 1, "primes are derivatives of an unknown: y, z; x is none"),
        ("y'''''", 0, "at most order 4"),
        ("y_xxxxx", 0, "at most order 4"),
        ("y_t", 0, "unknown name 'y_t'; derivatives of y are y_x"),
        ("y_x(2*x)", 4, "takes x or a number"),
        ("y'(0, 1)", 0, "got 2 arguments"),
        ("sin", 0, "sin is a function"),
        ("x(2)", 0, "x is not a function"),
        ("k(x)", 0, "k is not a function"),
        ("y(x, x)", 0, "got 2 arguments"),
        ("y()", 2, "was expected here"),
        ("y(2*x)", 2, "takes x or a number"),
        ("y(k)", 2, "takes x or a number"),
        ("y(y(x))", 2, "takes x or a number"),
        ("y(log(-1))", 2, "not finite"),
        ("y(1e308*10)", 2, "too large"),
        ("sin(x, x)", 5, r"'\)' was expected"),
        ("sin()", 4, "was expected here"),
        ("x +", 3, "not the end"),
        ("", 0, "not the end"),
        ("  ", 2, "not the end"),
        ("(x", 2, r"'\)' was expected here, not the end"),
        ("x)", 1, "was not expected"),
        ("((x)", 4, r"'\)' was expected here, not the end"),
        ("y(x) = 1 = 2", 9, "'=' was not expected"),
        ("y(x) == 1", 6, "was expected here, not '='"),
        ("Eq(y(x))", 7, "',' was expected"),
        ("Eq(y(x), 1, 2)", 10, "was expected"),
        ("1 + Eq(y(x), 1)", 4, "unknown function 'Eq'"),
        ("x/0", 1, "a division by 0"),
        ("x/(1 - 1)", 1, "a division by 0"),
        ("0**-1", 1, "a division by 0"),
        ("Derivative(y(x))", 0, "needs the variable"),
        ("Derivative(y(x), y)", 17, "taken in x, not in 'y'"),
        ("Derivative(y(x), 2)", 17, "taken in x, not in '2'"),
        ("Derivative(y(x), x, 5)", 20, "1 to 4, not 5"),
        ("Derivative(y(x), (x, 0))", 21, "1 to 4, not 0"),
        ("Derivative(y(x), (x, 1.5))", 21, "1 to 4, not 1.5"),
        ("Derivative(y(x), x, x, x, x, x)", 0, "at most order 4"),
        ("Derivative(Derivative(y(x), (x, 3)), (x, 2))", 0, "at most order 4"),
        ("1 + Derivative(y(0), x)", 4, r"write Subs\(Derivative"),
        ("Subs(y(x), x)", 12, "',' was expected"),
        ("Subs(y(x), z, 0)", 11, "Subs replaces x, not 'z'"),
        ("Subs(y(x), x, x)", 14, "by a number"),
        ("Subs(y(x), (x,), (0, 1))", 0, "1 variables and 2 values"),
        ("Rational(1, 0)", 0, "not 0"),
        ("Rational(x, 2)", 0, "a numerator and a denominator"),
        ("Rational(1, 2, 3)", 0, "a numerator and a denominator"),
        ("Rational(1e308, 1e-308)", 0, "too large"),
        ("Integer(0.5)", 0, "whole number"),
        ("Float(x)", 0, "takes one number"),
    ],
)
def test_what_is_no_equation_is_refused_at_the_character(text: str, place: int, word: str) -> None:
    with pytest.raises(InvalidEquation, match=word) as refused:
        parse_equation(text, ordinary())
    assert refused.value.place == place


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9",
        "10**10**10",
        "2**2**64",
        "1.5**1e308",
        "((10**15)**64)**64",
        "Rational(1, 3)**1000000",
        "-" * 9000 + "x",
        "1" + "-1" * 4000,
        "sin(" * 59 + "x" + ")" * 59,
        "Derivative(" * 50 + "x" + ", x)" * 50,
        "+".join(f"y({place})" for place in range(1000)),
    ],
)
def test_what_is_large_and_allowed_is_read_at_once(text: str) -> None:
    parse_equation(text, ordinary())  # with no power computed: memory and time would never end


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("1e999999", "too many digits"),
        ("1e" + "9" * 5000, "too many digits"),
        ("1" * 9000, "too many digits"),
        ("1" * 350, "too large"),
        ("1e400", "too large"),
        ("1e300*1e300", "too large"),
        ("1e308 + 1e308", "too large"),
        ("y(10**10**10)", "not finite"),
        ("Derivative(1e308*x**1e10, x)", "too large"),
        ("Rational(1e300*1e300, 1)", "too large"),
        ("x" * (DEFAULT_LIMITS.max_characters + 1), "may have 10000 characters"),
        ("(" * 100 + "x" + ")" * 100, "deeper than 60"),
        ("sin(" * 100 + "x" + ")" * 100, "deeper than 60"),
        ("x**" * 100 + "x", "deeper than 60"),
        ("+".join(["x"] * 5000), "2000 operations"),
        ("*".join(["x"] * 5000), "2000 operations"),
        ("x" + "/x" * 4900, "2000 operations"),
        ("Derivative(" + "*".join(["y(x)"] * 400) + ", x)", "2000 operations"),
        ("+".join(["Derivative(" + "*".join(["x"] * 240) + ", x)"] * 15), "2000 operations"),
        ("Derivative(" + "+".join(["y(x)"] * 900) + ", x)", "too long to differentiate"),
        ("Derivative(y(x)**y(x)**y(x)**y(x), x, 4)", "too long to differentiate"),
        ("Derivative(" + "sin(" * 50 + "y(x)" + ")" * 50 + ", x, 4)", "too long to differentiate"),
    ],
)
def test_what_is_too_large_is_refused_at_once(text: str, word: str) -> None:
    with pytest.raises(InvalidEquation, match=word):
        parse_equation(text, ordinary())
