"""The closed set of functions of one variable for symbolic edges and formulas.

``LIBRARY`` holds two kinds: *elementary* functions, which are nodes of an expression (``sin``), and *forms*
such as ``x^2`` or ``gaussian``, which ``nodes.apply_function`` writes in terms of elementary ones. No other
function is ever evaluated or printed. All that is known of a function is here: evaluation, differentiation,
simplification, printers, the parser of equations, exports and the searches for formulas read it. Only graphs
in ONNX are elsewhere, in ``export.onnx``; those of a form follow from its expression if there are none.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kan_engine.expressions import error_function

Values = NDArray[np.float64] | float
NumpyFunction = Callable[[Any], Any]
ExpressionRule = Callable[[Any, Callable[[str, Any], Any]], Any]
Dictionary = Literal["edge sums", "nice edge sums", "expressions", "terms", "terms of two"]
"""Sums of terms of an edge, with any and with nice inner constants; short expressions; terms of columns."""

ALL: frozenset[Dictionary] = frozenset(get_args(Dictionary))


WHOLE_LINE = (-math.inf, math.inf)


@dataclass(frozen=True)
class Places:
    """Places first + n · period for all integers n; only the first one without a period."""

    first: float
    period: float = math.inf

    def find(self, low: Any, high: Any) -> tuple[Any, Any]:
        """The lowest place in every interval [low, high], and whether there is one."""
        if math.isinf(self.period):
            return np.full(np.shape(low), self.first), (low <= self.first) & (self.first <= high)
        # The first place that is not below the interval
        place = self.first + self.period * np.ceil((low - self.first) / self.period)
        return place, place <= high


@dataclass(frozen=True, eq=False)
class Function:
    """A function f of one variable.

    Args:
        name: Identifier in edges and expressions.
        of: f on arrays; of ufuncs and operators, which exports replay.
        slope: f′ on arrays.
        complexity: Complexity on an edge, on pykan's scale: 1 for a line.
        domain: Between which ends f is defined; an end belongs to it where f is finite.
        pole: Where f is infinite inside of its domain.
        leap: Where f leaps from one finite value to another.
        turn: Where f turns from rising to falling, or back; between poles and turns it is monotone.
        exponent: p if f(u) = u^p, which a formula contains as a power.
        elementary: Whether it can be a node of an expression.
        searched: Whether searches on tables try it; not erf, which imitates tanh and atan.
        degree: p if f(k·u) = k^p · f(u) for all k > 0.
        equation: How else a constant of the argument acts: f(k·u) = f(u) + f(k) for a "logarithmic" f,
            f(u + b) = f(u) · f(b) for an "exponential", f(u + 2π) = f(u) for a "periodic" one.
        dictionaries: What searches offer it in, besides fits of single functions. Powers are in none, since
            every search has its own exponents.
        rank: Place in a dictionary; functions of one rank are in the order of the library.
        bits: Of its name in a description of a formula, besides those of any node. Of the nodes of 64
            formulas of textbooks, one in 70 to 80 is an exponential or a logarithm (6.3 bits), one in 130 a
            cosine, one in 300 a sine, and none of the others occurs.
        sympy: SymPy's name of an elementary function, if that is not its name.
        form: Of a form: its expression in u, given u and ``nodes.call``.
        derived: Of an elementary function: f′(u) as an expression, given u and ``nodes.call``.
        parity: Whether f(-u) is -f(u) or f(u).
        undoes: Name of a function g with f(g(u)) = u wherever g(u) is defined.
        latex: Its command in LaTeX, if that is not its name.
        spelling: By dialect of ``printing.infix``: its name or template there, where that is not its name.
    """

    name: str
    of: NumpyFunction
    slope: NumpyFunction
    complexity: int
    _: KW_ONLY
    domain: tuple[float, float] = WHOLE_LINE
    pole: Places | None = None
    leap: Places | None = None
    turn: Places | None = None
    exponent: Fraction | None = None
    elementary: bool = False
    searched: bool = True
    degree: Fraction | None = None
    equation: Literal["logarithmic", "exponential", "periodic"] | None = None
    dictionaries: frozenset[Dictionary] = frozenset()
    rank: int = 0
    bits: float = 6.0
    sympy: str | None = None
    form: ExpressionRule | None = None
    derived: ExpressionRule | None = None
    parity: Literal["odd", "even"] | None = None
    undoes: str | None = None
    latex: str | None = None
    spelling: Mapping[str, str] = field(default_factory=dict)

    def value(self, u: Values) -> Values:
        """Return f(u); NaN or infinite where f is undefined."""
        with np.errstate(all="ignore"):
            return self.of(u)  # type: ignore[no-any-return]

    def derivative(self, u: Values) -> Values:
        """Return f′(u); NaN or infinite where it does not exist."""
        with np.errstate(all="ignore"):
            return self.slope(u)  # type: ignore[no-any-return]

    def is_finite_on(self, low: float, high: float) -> bool:
        """Whether f is finite on an interval [low, high]."""
        if low < self.domain[0] or high > self.domain[1]:
            return False
        # A pole inside does not show in the values at the ends
        has_pole = self.pole is not None and bool(self.pole.find(low, high)[1])
        return not has_pole and bool(np.isfinite(self.value(low)) and np.isfinite(self.value(high)))

    @property
    def is_scale_free(self) -> bool:
        """Whether a positive factor of the argument becomes a factor of f or a summand."""
        return self.degree is not None or self.equation == "logarithmic"

    @property
    def is_one_sided(self) -> bool:
        """Whether f is defined on one side of 0 only."""
        # A domain that ends at 0 or 1 contains one of these intervals, any other domain both or none
        return self.is_finite_on(1.0, 2.0) != self.is_finite_on(-2.0, -1.0)


def power_value(base: Any, exponent: float) -> Any:
    """Return base^exponent of arrays, by a cheap and correctly rounded operation if there is one."""
    # Exported files use the same operations for the same exponents, so that values agree to the last bit
    if exponent == 2:
        return base * base
    if exponent == 0.5:
        return np.sqrt(base)
    if exponent == -1:
        return np.divide(1.0, base)
    if exponent == -0.5:
        return np.divide(1.0, np.sqrt(base))
    return np.power(base, exponent)


def _define_power(name: str, exponent: Fraction, complexity: int) -> Function:
    p = float(exponent)
    return Function(
        name,
        partial(power_value, exponent=p),
        lambda u: p * power_value(u, p - 1),
        complexity,
        domain=WHOLE_LINE if exponent.denominator == 1 else _HALF_LINE,
        pole=Places(0.0) if exponent < 0 else None,
        turn=Places(0.0) if exponent.numerator % 2 == 0 else None,
        exponent=exponent,
        degree=exponent,
    )


_HALF = Fraction(1, 2)
_HALF_LINE = (0.0, math.inf)
_define_rare = partial(Function, elementary=True)  # which only fits of single functions try
_define_elementary = partial(_define_rare, dictionaries=ALL)


def _sigmoid(u: Any) -> Any:
    # By tanh, since exp(-u) overflows
    return 0.5 + 0.5 * np.tanh(0.5 * u)


def _erf(u: Any) -> Any:
    from scipy.special import erf  # noqa: PLC0415  # takes a twelfth of the start of the API, which rarely needs it

    return erf(u)


def _differentiate_erf(u: Any, call: Callable[[str, Any], Any]) -> Any:
    from kan_engine.expressions.nodes import PI  # noqa: PLC0415 - nodes imports this module

    return 2 / PI**_HALF * call("exp", -(u**2))


# Exponents with a name for edges and dictionaries; formulas contain any exponent
_POWERS = (
    _define_power("x^2", Fraction(2), 2),
    _define_power("x^3", Fraction(3), 3),
    _define_power("x^4", Fraction(4), 3),
    _define_power("x^5", Fraction(5), 3),
    _define_power("x^6", Fraction(6), 3),
    _define_power("1/x", Fraction(-1), 2),
    _define_power("1/x^2", Fraction(-2), 2),
    _define_power("1/x^3", Fraction(-3), 3),
    _define_power("1/x^4", Fraction(-4), 4),
    _define_power("sqrt", Fraction(1, 2), 2),
    _define_power("1/sqrt", Fraction(-1, 2), 2),
    _define_power("x^1.5", Fraction(3, 2), 4),
    _define_power("1/x^1.5", Fraction(-3, 2), 4),
)

# C and Python have no sign function: the difference of two comparisons is 1, 0 or -1
_SIGN = "(({0} > 0) - ({0} < 0))"

# Slopes with poles use np.divide, which gives infinity where the division of two floats raises
_ELEMENTARY = (
    _define_elementary(
        "exp",
        np.exp,
        np.exp,
        2,
        equation="exponential",
        bits=3.0,
        derived=lambda u, call: call("exp", u),
        undoes="log",
    ),
    _define_elementary(
        "log",
        np.log,
        lambda u: np.divide(1.0, u),
        2,
        domain=_HALF_LINE,
        equation="logarithmic",
        bits=3.0,
        derived=lambda u, _: 1 / u,
        undoes="exp",
        latex=r"\ln",  # many readers take \log for the decimal logarithm
        spelling={"sql": "LN", "excel": "LN"},
    ),
    _define_elementary(
        "abs",
        np.abs,
        np.sign,
        3,
        turn=Places(0.0),
        sympy="Abs",
        degree=Fraction(1),
        dictionaries=ALL - {"expressions"},
        rank=2,
        derived=lambda u, call: call("sign", u),
        parity="even",
        spelling={"python": "fabs", "c": "fabs"},
    ),
    _define_rare(
        "sign",
        np.sign,
        # 0 in the shape of u, NaN where u is NaN
        lambda u: 0.0 * u,
        3,
        leap=Places(0.0),
        degree=Fraction(0),
        derived=lambda _, __: 0,
        parity="odd",
        latex=r"\operatorname{sgn}",
        spelling={"python": _SIGN, "c": f"((double){_SIGN})"},
    ),
    _define_elementary(
        "sin",
        np.sin,
        np.cos,
        2,
        turn=Places(math.pi / 2, math.pi),
        equation="periodic",
        bits=4.0,
        derived=lambda u, call: call("cos", u),
        parity="odd",
        undoes="asin",
    ),
    _define_elementary(
        "cos",
        np.cos,
        lambda u: -np.sin(u),
        2,
        turn=Places(0.0, math.pi),
        equation="periodic",
        dictionaries=ALL - {"terms of two"},
        bits=4.0,
        derived=lambda u, call: -call("sin", u),
        parity="even",
        undoes="acos",
    ),
    _define_rare(
        "tan",
        np.tan,
        lambda u: 1 + np.tan(u) ** 2,
        3,
        pole=Places(math.pi / 2, math.pi),
        equation="periodic",
        derived=lambda u, call: 1 + call("tan", u) ** 2,
        parity="odd",
        undoes="atan",
    ),
    _define_elementary(
        "sinh",
        np.sinh,
        np.cosh,
        3,
        dictionaries=frozenset({"nice edge sums"}),
        rank=1,
        derived=lambda u, call: call("cosh", u),
        parity="odd",
        undoes="asinh",
    ),
    _define_elementary(
        "cosh",
        np.cosh,
        np.sinh,
        3,
        turn=Places(0.0),
        dictionaries=frozenset({"nice edge sums"}),
        rank=1,
        derived=lambda u, call: call("sinh", u),
        parity="even",
        undoes="acosh",
    ),
    _define_elementary(
        "tanh",
        np.tanh,
        lambda u: 1 - np.tanh(u) ** 2,
        3,
        derived=lambda u, call: 1 - call("tanh", u) ** 2,
        parity="odd",
        undoes="atanh",
    ),
    _define_rare(
        "asin",
        np.arcsin,
        lambda u: np.divide(1.0, np.sqrt(1 - u * u)),
        4,
        domain=(-1.0, 1.0),
        derived=lambda u, _: 1 / (1 - u**2) ** _HALF,
        parity="odd",
        latex=r"\arcsin",
        spelling={"numpy": "arcsin"},
    ),
    _define_rare(
        "acos",
        np.arccos,
        lambda u: np.divide(-1.0, np.sqrt(1 - u * u)),
        4,
        domain=(-1.0, 1.0),
        derived=lambda u, _: -1 / (1 - u**2) ** _HALF,
        latex=r"\arccos",
        spelling={"numpy": "arccos"},
    ),
    _define_elementary(
        "atan",
        np.arctan,
        lambda u: 1 / (1 + u * u),
        4,
        dictionaries=frozenset({"edge sums", "nice edge sums"}),
        derived=lambda u, _: 1 / (1 + u**2),
        parity="odd",
        latex=r"\arctan",
        spelling={"numpy": "arctan"},
    ),
    _define_rare(
        "asinh",
        np.arcsinh,
        lambda u: 1 / np.sqrt(1 + u * u),
        4,
        derived=lambda u, _: 1 / (u**2 + 1) ** _HALF,
        parity="odd",
        undoes="sinh",
        latex=r"\operatorname{arsinh}",
        spelling={"numpy": "arcsinh"},
    ),
    _define_rare(
        "acosh",
        np.arccosh,
        lambda u: np.divide(1.0, np.sqrt(u * u - 1)),
        4,
        domain=(1.0, math.inf),
        derived=lambda u, _: 1 / (u**2 - 1) ** _HALF,
        latex=r"\operatorname{arcosh}",
        spelling={"numpy": "arccosh"},
    ),
    _define_rare(
        "atanh",
        np.arctanh,
        lambda u: np.divide(1.0, 1 - u * u),
        4,
        domain=(-1.0, 1.0),
        derived=lambda u, _: 1 / (1 - u**2),
        parity="odd",
        undoes="tanh",
        latex=r"\operatorname{artanh}",
        spelling={"numpy": "arctanh"},
    ),
    _define_rare(
        "erf",
        _erf,
        lambda u: 2 / np.sqrt(np.pi) * np.exp(-u * u),
        4,
        derived=_differentiate_erf,
        parity="odd",
        searched=False,
        latex=r"\operatorname{erf}",
        spelling={
            "numpy": "scipy.special.erf({})",
            "javascript": error_function.JAVASCRIPT,
            "sql": error_function.SQL,
        },
    ),
)

# Values and slopes avoid overflow and cancellation, which the expressions of the forms do not
_FORMS = (
    Function("x", lambda u: u, lambda u: 1.0 + 0.0 * u, 1, form=lambda u, _: u, degree=Fraction(1)),
    Function(
        "gaussian",
        lambda u: np.exp(-u * u),
        lambda u: -2 * u * np.exp(-u * u),
        3,
        form=lambda u, call: call("exp", -(u**2)),
        dictionaries=frozenset({"edge sums"}),
    ),
    Function(
        "lorentzian",
        lambda u: 1 / (1 + u * u),
        lambda u: -2 * u / (1 + u * u) ** 2,
        3,
        form=lambda u, _: 1 / (1 + u**2),
        dictionaries=frozenset({"edge sums"}),
    ),
    Function(
        "sigmoid",
        _sigmoid,
        # 1 - sigmoid(u) would cancel for large u
        lambda u: _sigmoid(u) * _sigmoid(-u),
        3,
        form=lambda u, call: 1 / (1 + call("exp", -u)),
    ),
    Function(
        "softplus",
        lambda u: np.logaddexp(0.0, u),
        _sigmoid,
        4,
        form=lambda u, call: call("log", 1 + call("exp", u)),
    ),
    Function(
        "silu",
        lambda u: u * _sigmoid(u),
        lambda u: _sigmoid(u) * (1 + u * _sigmoid(-u)),
        4,
        form=lambda u, call: u / (1 + call("exp", -u)),
    ),
    Function(
        "planck",
        lambda u: np.divide(1.0, np.expm1(u)),
        # -exp(u) / (exp(u) - 1)² would overflow for large u and cancel near 0
        lambda u: np.divide(-0.25, np.sinh(u / 2) ** 2),
        4,
        pole=Places(0.0),
        form=lambda u, call: 1 / (call("exp", u) - 1),
    ),
    Function(
        "sqrt(1+x^2)",
        lambda u: np.sqrt(1 + u * u),
        lambda u: u / np.sqrt(1 + u * u),
        4,
        form=lambda u, _: (1 + u**2) ** _HALF,
    ),
)

LIBRARY: dict[str, Function] = {function.name: function for function in (*_FORMS, *_POWERS, *_ELEMENTARY)}
"""Every function by its name, in a fixed order: forms, powers, elementary functions."""


def select_functions(dictionary: Dictionary) -> list[Function]:
    """The functions that a dictionary of the searches offers, in its order."""
    functions = (f for f in LIBRARY.values() if f.searched and dictionary in f.dictionaries)
    return sorted(functions, key=lambda function: function.rank)
