"""Units of the constants of a formula, and the constants of nature among them."""

from __future__ import annotations

from math import isclose

from kan_engine.expressions.unit_system import UnitReport
from kan_engine.units.natural_constants import NATURAL_CONSTANTS
from kan_engine.units.unit import Unit

POWERS = (1, -1, 2, -2)
ROUNDED_INPUT = 7e-4  # relative: tables hold 9.81 and 6.67e-11, too
MAX_DOUBT = 0.01  # relative standard error above which many constants of nature would agree


def print_unit(unit: Unit | None) -> str | None:
    """The unit as ``s/m^(1/2)``; empty for none, None where it is not known."""
    return None if unit is None else str(unit.symbols)


def list_exact_units(report: UnitReport) -> list[tuple[float, str]]:
    """Exact numbers that carry a unit, with it."""
    return [(float(value), str(unit.symbols)) for value, unit in report.exact]


def recognize_constant(value: float, standard_error: float | None, unit: Unit | None) -> str | None:
    """The constant of nature, or power of one, with this value and unit; None if there is none.

    Args:
        value: In terms of ``unit``.
        standard_error: Of the value; None if not known.
        unit: With its size in the SI.
    """
    if unit is None or unit.dimension.is_one or not value or standard_error is None:
        return None
    if not standard_error < MAX_DOUBT * abs(value):
        return None
    tolerance = max(2 * standard_error / abs(value), ROUNDED_INPUT)
    for power in POWERS:
        for constant in NATURAL_CONSTANTS:
            constant_unit = constant.unit**power
            if constant_unit.dimension == unit.dimension and isclose(
                abs(value) * unit.scale, constant.value**power * constant_unit.scale, rel_tol=tolerance
            ):
                return _describe(constant.name, constant.symbol, power)
    return None


def _describe(name: str, symbol: str, power: int) -> str:
    if power == 1:
        return f"{name} {symbol}"
    return f"{symbol}^{power}, of the {name} {symbol}"
