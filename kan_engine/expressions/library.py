"""The closed set of functions of one variable for symbolic edges and formulas.

``LIBRARY`` holds two kinds: *elementary* functions, which are nodes of an expression (``sin``), and *forms*
such as ``x^2`` or ``gaussian``, which ``nodes.apply_function`` writes in terms of elementary ones. No other
function is ever evaluated or printed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64] | float
NumpyFunction = Callable[[Any], Any]


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
        sympy: SymPy's name of an elementary function.
    """

    name: str
    of: NumpyFunction
    slope: NumpyFunction
    complexity: int
    defined: Callable[[float, float], bool]
    exponent: Fraction | None = None
    elementary: bool = False
    sympy: str = ""

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
) -> Function:
    return Function(
        name=name,
        of=of,
        slope=slope,
        complexity=complexity,
        defined=defined,
        elementary=True,
        sympy=sympy or name,
    )


def _define_form(
    name: str,
    of: NumpyFunction,
    slope: NumpyFunction,
    complexity: int,
    defined: Callable[[float, float], bool] = _accept_any_interval,
) -> Function:
    return Function(name=name, of=of, slope=slope, complexity=complexity, defined=defined)


def _sigmoid(u: Any) -> Any:
    return 0.5 + 0.5 * np.tanh(0.5 * u)


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

_ELEMENTARY = (
    _define_elementary("exp", np.exp, np.exp, 2, _is_below_overflow),
    _define_elementary("log", np.log, lambda u: np.divide(1.0, u), 2, _is_positive),
    _define_elementary("abs", np.abs, np.sign, 3, sympy="Abs"),
    _define_elementary("sign", np.sign, lambda u: 0.0 * u, 3),
    _define_elementary("sin", np.sin, np.cos, 2),
    _define_elementary("cos", np.cos, lambda u: -np.sin(u), 2),
    _define_elementary("tan", np.tan, lambda u: 1 + np.tan(u) ** 2, 3, _is_between_tan_poles),
    _define_elementary("sinh", np.sinh, np.cosh, 3, _is_below_overflow),
    _define_elementary("cosh", np.cosh, np.sinh, 3, _is_below_overflow),
    _define_elementary("tanh", np.tanh, lambda u: 1 - np.tanh(u) ** 2, 3),
    _define_elementary(
        "asin", np.arcsin, lambda u: np.divide(1.0, np.sqrt(1 - u * u)), 4, _is_in_unit_interval
    ),
    _define_elementary(
        "acos", np.arccos, lambda u: np.divide(-1.0, np.sqrt(1 - u * u)), 4, _is_in_unit_interval
    ),
    _define_elementary("atan", np.arctan, lambda u: 1 / (1 + u * u), 4),
    _define_elementary("asinh", np.arcsinh, lambda u: 1 / np.sqrt(1 + u * u), 4),
    _define_elementary(
        "acosh", np.arccosh, lambda u: np.divide(1.0, np.sqrt(u * u - 1)), 4, _is_at_least_one
    ),
    _define_elementary(
        "atanh", np.arctanh, lambda u: np.divide(1.0, 1 - u * u), 4, _is_in_open_unit_interval
    ),
)

_FORMS = (
    _define_form("x", lambda u: u, lambda u: 1.0 + 0.0 * u, 1),
    _define_form("gaussian", lambda u: np.exp(-u * u), lambda u: -2 * u * np.exp(-u * u), 3),
    _define_form("lorentzian", lambda u: 1 / (1 + u * u), lambda u: -2 * u / (1 + u * u) ** 2, 3),
    _define_form("sigmoid", _sigmoid, lambda u: _sigmoid(u) * _sigmoid(-u), 3),
    _define_form("softplus", lambda u: np.logaddexp(0.0, u), _sigmoid, 4),
    _define_form("silu", lambda u: u * _sigmoid(u), lambda u: _sigmoid(u) * (1 + u * _sigmoid(-u)), 4),
    _define_form(
        "planck",
        lambda u: np.divide(1.0, np.expm1(u)),
        lambda u: np.divide(-0.25, np.sinh(u / 2) ** 2),
        4,
        lambda low, high: _is_nonzero(low, high) and _is_below_overflow(low, high),
    ),
    _define_form("sqrt(1+x^2)", lambda u: np.sqrt(1 + u * u), lambda u: u / np.sqrt(1 + u * u), 4),
)

LIBRARY: dict[str, Function] = {function.name: function for function in (*_FORMS, *_POWERS, *_ELEMENTARY)}
"""Every function by its name, in a fixed order: forms, powers, elementary functions."""
