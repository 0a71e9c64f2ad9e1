"""Laws of the language of equations: it agrees with SymPy, and any text is read or refused."""

import math
import re
import time

import pytest
import sympy
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from kan_engine.differential.jets import SymbolTable
from kan_engine.differential.parser import parse_equation
from kan_engine.differential.problem_parser import parse_problem
from kan_engine.differential.thresholds import DEFAULT_LIMITS
from kan_engine.errors import InvalidEquation
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.parsing import FUNCTIONS

SAFE = ("sin", "cos", "exp", "atan", "tanh")  # defined everywhere
SPACES = st.sampled_from(["", "", " "])
PLACE = 0.7
WORDS = [
    *(
        "x",
        "t",
        "u",
        "u(x,t)",
        "u(0,t)",
        "Derivative",
        "diff",
        "Subs",
        "Rational",
        "Integer",
        "Eq",
        "pi",
        "E",
    ),
    *("(", ")", ",", "=", "+", "-", "*", "/", "**", "**-", " ", "0", "1", "2", "1.5", "1e300", "1e999", ".5"),
    *(
        "__import__",
        "'os'",
        "lambda",
        ":",
        "[",
        "]",
        ".",
        ";",
        "^",
        "\\",
        "\n",
        "é",
        "²",
        "∂",
        "\x00",
        "9**9**9",
    ),
    *("d", "du", "dx", "d2u", "/dx2", "du/dx", "∂²u/∂x∂t", "d/dt(", "·", "−", "π"),
    *("Derivative(u(x,t),x)", "Subs(Derivative(u(x,t),t),t,0)", *FUNCTIONS),
]


@st.composite
def arithmetic(draw: st.DrawFn, depth: int = 3) -> str:
    """Text of small numbers, x, signs and brackets, as it may be written in Python."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(["x", "2", "3", "0.5", "1.25", "pi", "E", "Rational(1, 3)"]))
    inner = arithmetic(depth - 1)
    left, space = draw(inner), draw(SPACES)
    match draw(st.integers(0, 4)):
        case 0:
            return f"{draw(st.sampled_from(SAFE))}({left})"
        case 1:
            return f"({left})"
        case 2:
            return f"{draw(st.sampled_from('+-'))}{space}{left}"
        case 3:
            return f"{left}{space}**{space}{draw(st.sampled_from(['2', '-1', '-x', '+3', '0.5', '2**-1']))}"
    sign = draw(st.sampled_from(["+", "-", "*", "/", "+-", "*-"]))
    return f"{left}{space}{sign}{space}{draw(inner)}"


def in_floats(text: str) -> float:
    """What Python makes of it; NaN of what is not real or too large, as ``3**3**3**3``."""
    # Whole numbers are as long as their memory, and some of these powers have a thousand billion digits
    text = re.sub(r"(?<![\d.])\d+(?![\d.])", r"\g<0>.0", text)
    names = {name: getattr(math, name) for name in (*SAFE, "pi")}
    try:
        value = eval(text, names | {"x": PLACE, "E": math.e, "Rational": lambda a, b: a / b})
    except (OverflowError, ZeroDivisionError, ValueError):
        return math.nan
    return math.nan if isinstance(value, complex) else float(value)


@given(arithmetic())
@settings(max_examples=150)
@example("-x**2")
@example("2**-x**2")
@example("2/3*x/4**-1")
@example("-2**2**0.5")
@example("3**+3**+3**+3")
def test_arithmetic_means_what_it_means_to_sympy(text: str) -> None:
    assume(math.isfinite(in_floats(text)))
    theirs = complex(sympy.sympify(text).subs("x", PLACE).evalf())
    # Where rounding, or a step over numbers that are not real, hides nothing: Python then agrees.
    assume(theirs.imag == 0 and in_floats(text) == pytest.approx(theirs.real, rel=1e-11, abs=0))
    mine = float(evaluate(parse_equation(text, SymbolTable(("x",), ("y",))), {"x": PLACE}))
    assert mine == pytest.approx(theirs.real, rel=1e-8, abs=0)


Written = tuple[str, str]  # as one types it, and in the language of SymPy


def derivative(axes: str) -> st.SearchStrategy[Written]:
    """A derivative of u(x, t) in each notation, beside SymPy's."""
    counts = {name: axes.count(name) for name in sorted(set(axes))}
    powers = {name: "" if count == 1 else str(count) for name, count in counts.items()}
    order = "" if len(axes) == 1 else str(len(axes))
    typed = [f"u_{axes}"]
    for d in "d∂":
        for sign in ("", "^", "**"):
            below = "".join(f"{d}{name}{sign if power else ''}{power}" for name, power in powers.items())
            typed += [f"{d}{sign if order else ''}{order}u/{below}", f"{d}{order} u / ({below})"]
    by = ", ".join(f"({name}, {count})" for name, count in counts.items())
    return st.sampled_from(typed).map(lambda text: (text, f"Derivative(u(x, t), {by})"))


LEAVES = st.one_of(
    st.sampled_from([("u", "u(x, t)"), ("x", "x"), ("π", "pi"), ("2", "2"), ("0.5", "0.5")]),
    st.text("xt", min_size=1, max_size=4).flatmap(derivative),
)


def combine(inner: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
    """Sums, products, squares and sines, in both notations."""
    signs = st.sampled_from([("+", "+"), ("-", "-"), ("−", "-"), ("*", "*"), ("·", "*")])
    return st.one_of(
        st.builds(
            lambda a, sign, b: (f"({a[0]}) {sign[0]} ({b[0]})", f"({a[1]}) {sign[1]} ({b[1]})"),
            inner,
            signs,
            inner,
        ),
        inner.map(lambda a: (f"({a[0]})^2", f"({a[1]})**2")),
        inner.map(lambda a: (f"sin({a[0]})", f"sin({a[1]})")),
    )


@given(st.recursive(LEAVES, combine, max_leaves=6), st.recursive(LEAVES, combine, max_leaves=3))
def test_typed_and_sympy_notation_are_the_same_equation(left: Written, right: Written) -> None:
    words = SymbolTable(("x", "t"), ("u",))
    expected = parse_equation(f"Eq({left[1]}, {right[1]})", words)
    assert parse_equation(f"{left[0]} = {right[0]}", words) == expected


@given(st.integers(1, 3), st.sampled_from(["0", "1", "2/3", "-π"]), st.data())
def test_typed_and_sympy_conditions_are_the_same(order: int, place: str, data: st.DataObject) -> None:
    power = "" if order == 1 else str(order)
    derivatives = [*(order * mark for mark in "'′’"), f"_{'x' * order}"]
    typed = data.draw(st.sampled_from([*(f"y{slope}" for slope in derivatives), f"d{power}y/dx{power}"]))
    place_of_sympy = place.replace("π", "pi")
    problems = [
        parse_problem(
            independent=["x"],
            unknowns=["y"],
            domain={"x": [-4, 4]},
            equations=["y_xxxx = y"],
            conditions=[text, "y(0) = 1", "y(1) = 0", "y(2) = 0"],
        )
        for text in (f"{typed}({place}) = 1", f"Subs(Derivative(y(x), x, {order}), x, {place_of_sympy}) - 1")
    ]
    assert problems[0].conditions == problems[1].conditions


def refusal(text: str) -> InvalidEquation | None:
    try:
        parse_equation(text, SymbolTable(("x", "t"), ("u",), ("k",)))
    except InvalidEquation as error:
        return error
    return None


def is_read_or_refused(text: str) -> None:
    started = time.process_time()
    error = refusal(text)
    assert time.process_time() - started < 1
    assert error is None or (error.place is not None and 0 <= error.place <= len(text))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_within_a_second(text: str) -> None:
    is_read_or_refused(text)


@given(st.lists(st.sampled_from(WORDS), max_size=25).map("".join))
@settings(max_examples=300)
def test_any_row_of_words_is_read_or_refused_within_a_second(text: str) -> None:
    is_read_or_refused(text)


@given(st.sampled_from(WORDS), st.sampled_from(WORDS), st.integers(1, DEFAULT_LIMITS.max_characters))
def test_any_repetition_is_read_or_refused_within_a_second(first: str, second: str, times: int) -> None:
    is_read_or_refused((first + second) * (times // (len(first) + len(second)) + 1))


@given(arithmetic(), st.sampled_from(WORDS), st.data())
def test_a_word_put_in_anywhere_is_read_or_refused(text: str, word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    is_read_or_refused(text[:at] + word + text[at:])


def path_of_refusal(equation: str, name: str, end: float) -> tuple[str | int, ...] | None:
    condition = f"u(x,0) - u(x,1) {equation}"
    try:
        parse_problem(
            independent=["x", name],
            unknowns=["u"],
            domain={"x": [0, end], name: [0, 1]},
            equations=[f"Derivative(u(x,{name}),x) + {equation}"],
            conditions=[({"x": 0}, f"u(0,{name}) + {equation}"), ({name: [0, 1]}, condition)],
        )
    except InvalidEquation as error:
        return error.path
    return None


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join), st.sampled_from(WORDS), st.floats())
@example("0", "t", 1.0)
def test_any_problem_is_posed_or_refused_with_its_part(equation: str, name: str, end: float) -> None:
    assert path_of_refusal(equation, name, end) != ()
