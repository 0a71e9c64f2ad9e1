"""The transforms of a target that a network or a formula may be fitted to, and which searches try them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from math import inf, pi
from typing import Any

import numpy as np
from jaxtyping import Float

MAX_TRANSFORMED_TARGET = 1e150  # its square must be finite
POSITIVE, SINE, WHOLE_LINE = (0.0, inf), (-1.0, 1.0), (-inf, inf)


@dataclass(frozen=True)
class Transform:
    """A one-to-one function T of the target, its inverse, and where T is defined.

    Both take NumPy arrays and tensors. Where they are undefined they return NaN or an infinity.

    Attributes:
        undone_by: T⁻¹ in the library of functions of formulas; a minus sign before it negates it.
        holds: Where T is defined and one-to-one.
        affixes: What stands before and after the name of the target in that of T(y).
        degree: Of T(y) in y; 0 for a logarithm, None for what is no power either.
        ends: Ends of the range of T at which the inverse is finite; infinite for none.
        reach: The closure of the range of T, where the inverse may be infinite but is never NaN.
    """

    forward: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    undone_by: str
    holds: Callable[[np.ndarray], np.ndarray]
    affixes: tuple[str, str]
    _: KW_ONLY
    degree: float | None = None
    ends: tuple[float, float] = WHOLE_LINE
    reach: tuple[float, float] = WHOLE_LINE

    @property
    def inverse_function(self) -> tuple[float, str]:
        """Sign and function of the library whose product undoes T."""
        return (-1.0 if self.undone_by.startswith("-") else 1.0), self.undone_by.removeprefix("-")

    @property
    def is_logarithm(self) -> bool:
        """Whether T(y) is the logarithm of y or -y."""
        return self.degree == 0


def namespace(values: Any) -> Any:
    """The module that computes with these values: torch or NumPy."""
    if isinstance(values, np.ndarray | np.generic | float | int):
        return np
    import torch  # noqa: PLC0415  # who reads only the table does not wait for it

    return torch


def _map(name: str) -> Callable[[Any], Any]:
    """A function that NumPy and torch have."""
    return lambda values: getattr(namespace(values), name)(values)


_EXP, _LOG, _SQRT = map(_map, ("exp", "log", "sqrt"))

TRANSFORMS = {
    "identity": Transform(lambda y: y, lambda t: t, "x", np.isfinite, ("", ""), degree=1.0),
    "log": Transform(_LOG, _EXP, "exp", lambda y: y > 0, ("log(", ")"), degree=0.0),
    "log_neg": Transform(
        lambda y: _LOG(-y), lambda t: -_EXP(t), "-exp", lambda y: y < 0, ("log(-", ")"), degree=0.0
    ),
    "reciprocal": Transform(
        lambda y: 1 / y, lambda t: 1 / t, "1/x", lambda y: y != 0, ("1 / ", ""), degree=-1.0
    ),
    "square": Transform(
        lambda y: y * y, _SQRT, "sqrt", lambda y: y >= 0, ("", "²"), degree=2.0, ends=POSITIVE, reach=POSITIVE
    ),
    "sqrt": Transform(_SQRT, lambda t: t * t, "x^2", lambda y: y >= 0, ("√", ""), degree=0.5),
    "exp": Transform(_EXP, _LOG, "log", np.isfinite, ("exp(", ")"), reach=POSITIVE),
    "reciprocal_square": Transform(
        lambda y: 1 / (y * y),
        lambda t: 1 / _SQRT(t),
        "1/sqrt",
        lambda y: y > 0,
        ("1 / ", "²"),
        degree=-2.0,
        reach=POSITIVE,
    ),
    "sin": Transform(
        _map("sin"), _map("asin"), "asin", lambda y: abs(y) < pi / 2, ("sin(", ")"), ends=SINE, reach=SINE
    ),
    "cos": Transform(
        _map("cos"), _map("acos"), "acos", lambda y: (y > 0) & (y < pi), ("cos(", ")"), ends=SINE, reach=SINE
    ),
}
"""Every transform by its name."""

TRANSFORMS_BY_SEARCH = {
    "structures": ("identity", "log", "log_neg", "square", "reciprocal"),
    "structures of angles": ("sin", "cos"),
    "surrogates": ("identity", "log", "log_neg", "reciprocal", "square"),
    "quotients": ("identity", "square", "cos", "sin"),
    "sums of terms": ("identity", "log", "log_neg", "reciprocal"),
    "enumeration": ("identity", "square", "reciprocal", "log", "log_neg", "sqrt", "reciprocal_square"),
}
"""Those that a search tries, in its order, if it does not try all."""


def is_defined(transform: str, y: Float[np.ndarray, "rows m"]) -> bool:
    """Whether a transform and its inverse are defined and finite for all targets; False for no targets."""
    with np.errstate(all="ignore"):
        t = TRANSFORMS[transform].forward(y)
    # A standard deviation needs finite squares of T(y)
    sane = np.abs(t) < MAX_TRANSFORMED_TARGET  # false for NaN, too
    return bool(len(y) and TRANSFORMS[transform].holds(y).all() and sane.all())
