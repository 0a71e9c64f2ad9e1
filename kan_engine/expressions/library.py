"""The closed set of functions of one variable for symbolic edges and formulas.

``LIBRARY`` holds two kinds: *elementary* functions, which are nodes of an expression (``sin``), and *forms*
such as ``x^2`` or ``gaussian``, which ``nodes.apply_function`` writes in terms of elementary ones. No other
function is ever evaluated or printed. All that is known of a function is here: evaluation, differentiation,
simplification, printers, the parser of equations and exports read it. Only graphs in ONNX are elsewhere, in
``export.onnx``; those of a form follow from its expression if there are none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kan_engine.expressions import error_function

Values = NDArray[np.float64] | float
NumpyFunction = Callable[[Any], Any]
ExpressionRule = Callable[[Any, Callable[[str, Any], Any]], Any]


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function f of one variable.

    Args:
        name: Identifier in edges and expressions.
        of: f on arrays.
        slope: f′ on arrays.
        complexity: Complexity on an edge, on pykan's scale: 1 for a line.
        defined: Whether f is finite on an interval [low, high].
        exponent: p if f(u) = u^p, which a formula contains as a power.
        elementary: Whether it can be a node of an expression.
        searched: Whether searches on tables try it; not erf, which imitates tanh and atan.
        sympy: SymPy's name of an elementary function.
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
    defined: Callable[[float, float], bool]
    exponent: Fraction | None = None
    elementary: bool = False
    searched: bool = True
    sympy: str = ""
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


def power_value(base: Values, exponent: float) -> Values:
    """Return base^exponent, computed by a cheap and correctly rounded operation if there is one."""
    if exponent == 2:
        return base * base
    if exponent == 0.5:
        return np.sqrt(base)
    if exponent == -1:
        return np.divide(1.0, base)
    if exponent == -0.5:
        return np.divide(1.0, np.sqrt(base))
    return np.power(base, exponent)


def _accept_any_interval(_low: float, _high: float) -> bool:
    return True


def _is_below_overflow(low: float, high: float) -> bool:
    return max(abs(low), abs(high)) < 700  # exp overflows beyond 709


def _is_positive(low: float, _high: float) -> bool:
    return low > 0


def _is_non_negative(low: float, _high: float) -> bool:
    return low >= 0


def _is_nonzero(low: float, high: float) -> bool:
    return low > 0 or high < 0


def _is_in_unit_interval(low: float, high: float) -> bool:
    return low >= -1 and high <= 1


def _is_in_open_unit_interval(low: float, high: float) -> bool:
    return low > -1 and high < 1


def _is_at_least_one(low: float, _high: float) -> bool:
    return low >= 1


def _is_between_tan_poles(low: float, high: float) -> bool:
    return bool(np.floor(low / np.pi + 0.5) == np.floor(high / np.pi + 0.5))


def _define_power(
    name: str,
    exponent: Fraction,
    complexity: int,
    defined: Callable[[float, float], bool] = _accept_any_interval,
) -> Function:
    p = float(exponent)
    return Function(
        name=name,
        of=lambda u: power_value(u, p),
        slope=lambda u: p * power_value(u, p - 1),
        complexity=complexity,
        defined=defined,
        exponent=exponent,
    )


def _define_elementary(
    name: str,
    of: NumpyFunction,
    slope: NumpyFunction,
    complexity: int,
    defined: Callable[[float, float], bool] = _accept_any_interval,
    *,
    sympy: str = "",
    **facts: Any,
) -> Function:
    return Function(
        name=name,
        of=of,
        slope=slope,
        complexity=complexity,
        defined=defined,
        elementary=True,
        sympy=sympy or name,
        **facts,
    )


def _define_form(
    name: str,
    form: ExpressionRule,
    of: NumpyFunction,
    slope: NumpyFunction,
    complexity: int,
    defined: Callable[[float, float], bool] = _accept_any_interval,
) -> Function:
    return Function(name=name, of=of, slope=slope, complexity=complexity, defined=defined, form=form)


def _sigmoid(u: Any) -> Any:
    return 0.5 + 0.5 * np.tanh(0.5 * u)


def _erf(u: Any) -> Any:
    from scipy.special import erf  # noqa: PLC0415  # takes a twelfth of the start of the API, which rarely needs it

    return erf(u)


def _differentiate_erf(u: Any, call: Callable[[str, Any], Any]) -> Any:
    from kan_engine.expressions.nodes import PI  # noqa: PLC0415 - nodes imports this module

    return 2 / PI**_HALF * call("exp", -(u**2))


_POWERS = (
    _define_power("x^2", Fraction(2), 2),
    _define_power("x^3", Fraction(3), 3),
    _define_power("x^4", Fraction(4), 3),
    _define_power("x^5", Fraction(5), 3),
    _define_power("x^6", Fraction(6), 3),
    _define_power("1/x", Fraction(-1), 2, _is_nonzero),
    _define_power("1/x^2", Fraction(-2), 2, _is_nonzero),
    _define_power("1/x^3", Fraction(-3), 3, _is_nonzero),
    _define_power("1/x^4", Fraction(-4), 4, _is_nonzero),
    _define_power("sqrt", Fraction(1, 2), 2, _is_non_negative),
    _define_power("1/sqrt", Fraction(-1, 2), 2, _is_positive),
    _define_power("x^1.5", Fraction(3, 2), 4, _is_non_negative),
    _define_power("1/x^1.5", Fraction(-3, 2), 4, _is_positive),
)

_HALF = Fraction(1, 2)
_SIGN = "(({0} > 0) - ({0} < 0))"

_ELEMENTARY = (
    _define_elementary(
        "exp", np.exp, np.exp, 2, _is_below_overflow, derived=lambda u, call: call("exp", u), undoes="log"
    ),
    _define_elementary(
        "log",
        np.log,
        lambda u: np.divide(1.0, u),
        2,
        _is_positive,
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
        sympy="Abs",
        derived=lambda u, call: call("sign", u),
        parity="even",
        spelling={"python": "fabs", "c": "fabs"},
    ),
    _define_elementary(
        "sign",
        np.sign,
        lambda u: 0.0 * u,
        3,
        derived=lambda _, __: 0,
        parity="odd",
        latex=r"\operatorname{sgn}",
        spelling={"python": _SIGN, "c": f"((double){_SIGN})"},
    ),
    _define_elementary(
        "sin", np.sin, np.cos, 2, derived=lambda u, call: call("cos", u), parity="odd", undoes="asin"
    ),
    _define_elementary(
        "cos",
        np.cos,
        lambda u: -np.sin(u),
        2,
        derived=lambda u, call: -call("sin", u),
        parity="even",
        undoes="acos",
    ),
    _define_elementary(
        "tan",
        np.tan,
        lambda u: 1 + np.tan(u) ** 2,
        3,
        _is_between_tan_poles,
        derived=lambda u, call: 1 + call("tan", u) ** 2,
        parity="odd",
        undoes="atan",
    ),
    _define_elementary(
        "sinh",
        np.sinh,
        np.cosh,
        3,
        _is_below_overflow,
        derived=lambda u, call: call("cosh", u),
        parity="odd",
        undoes="asinh",
    ),
    _define_elementary(
        "cosh",
        np.cosh,
        np.sinh,
        3,
        _is_below_overflow,
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
    _define_elementary(
        "asin",
        np.arcsin,
        lambda u: np.divide(1.0, np.sqrt(1 - u * u)),
        4,
        _is_in_unit_interval,
        derived=lambda u, _: 1 / (1 - u**2) ** _HALF,
        parity="odd",
        latex=r"\arcsin",
        spelling={"numpy": "arcsin"},
    ),
    _define_elementary(
        "acos",
        np.arccos,
        lambda u: np.divide(-1.0, np.sqrt(1 - u * u)),
        4,
        _is_in_unit_interval,
        derived=lambda u, _: -1 / (1 - u**2) ** _HALF,
        latex=r"\arccos",
        spelling={"numpy": "arccos"},
    ),
    _define_elementary(
        "atan",
        np.arctan,
        lambda u: 1 / (1 + u * u),
        4,
        derived=lambda u, _: 1 / (1 + u**2),
        parity="odd",
        latex=r"\arctan",
        spelling={"numpy": "arctan"},
    ),
    _define_elementary(
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
    _define_elementary(
        "acosh",
        np.arccosh,
        lambda u: np.divide(1.0, np.sqrt(u * u - 1)),
        4,
        _is_at_least_one,
        derived=lambda u, _: 1 / (u**2 - 1) ** _HALF,
        latex=r"\operatorname{arcosh}",
        spelling={"numpy": "arccosh"},
    ),
    _define_elementary(
        "atanh",
        np.arctanh,
        lambda u: np.divide(1.0, 1 - u * u),
        4,
        _is_in_open_unit_interval,
        derived=lambda u, _: 1 / (1 - u**2),
        parity="odd",
        undoes="tanh",
        latex=r"\operatorname{artanh}",
        spelling={"numpy": "arctanh"},
    ),
    _define_elementary(
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

_FORMS = (
    _define_form("x", lambda u, _: u, lambda u: u, lambda u: 1.0 + 0.0 * u, 1),
    _define_form(
        "gaussian",
        lambda u, call: call("exp", -(u**2)),
        lambda u: np.exp(-u * u),
        lambda u: -2 * u * np.exp(-u * u),
        3,
    ),
    _define_form(
        "lorentzian",
        lambda u, _: 1 / (1 + u**2),
        lambda u: 1 / (1 + u * u),
        lambda u: -2 * u / (1 + u * u) ** 2,
        3,
    ),
    _define_form(
        "sigmoid",
        lambda u, call: 1 / (1 + call("exp", -u)),
        _sigmoid,
        lambda u: _sigmoid(u) * _sigmoid(-u),
        3,
    ),
    _define_form(
        "softplus",
        lambda u, call: call("log", 1 + call("exp", u)),
        lambda u: np.logaddexp(0.0, u),
        _sigmoid,
        4,
    ),
    _define_form(
        "silu",
        lambda u, call: u / (1 + call("exp", -u)),
        lambda u: u * _sigmoid(u),
        lambda u: _sigmoid(u) * (1 + u * _sigmoid(-u)),
        4,
    ),
    _define_form(
        "planck",
        lambda u, call: 1 / (call("exp", u) - 1),
        lambda u: np.divide(1.0, np.expm1(u)),
        lambda u: np.divide(-0.25, np.sinh(u / 2) ** 2),
        4,
        lambda low, high: _is_nonzero(low, high) and _is_below_overflow(low, high),
    ),
    _define_form(
        "sqrt(1+x^2)",
        lambda u, _: (1 + u**2) ** _HALF,
        lambda u: np.sqrt(1 + u * u),
        lambda u: u / np.sqrt(1 + u * u),
        4,
    ),
)

LIBRARY: dict[str, Function] = {function.name: function for function in (*_FORMS, *_POWERS, *_ELEMENTARY)}
"""Every function by its name, in a fixed order: forms, powers, elementary functions."""
