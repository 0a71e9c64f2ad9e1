"""Rules for the parameters of the estimators and of ``solve``: what is accepted, and how it is called."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, get_args

import numpy as np

from kan_engine.cost import OPTIMIZERS
from kan_engine.density.thresholds import DEFAULT_DENSITY
from kan_engine.errors import InvalidConfig
from kan_engine.expressions.constraints import DIRECTIONS, PRINTABLE_FUNCTIONS
from kan_engine.expressions.unit_system import UnitMode
from kan_engine.search.config import Serve
from kan_engine.training.config import DeviceChoice


@dataclass(frozen=True)
class Rule:
    """What a parameter may be.

    Attributes:
        accepts: Whether a value may be used.
        description: The values that may be used, for "must be …".
    """

    accepts: Callable[[Any], bool]
    description: str

    def or_none(self) -> Rule:
        """The same, or None."""
        return Rule(lambda value: value is None or self.accepts(value), f"{self.description}, or None")


def check_parameters(values: Mapping[str, Any], rules: Mapping[str, Rule]) -> None:
    """Check parameters by their names.

    Raises:
        InvalidConfig: A value may not be used.
    """
    for name, rule in rules.items():
        if name in values and not rule.accepts(values[name]):
            raise InvalidConfig(f"{name} must be {rule.description}; got {reprlib.repr(values[name])}")


def check_columns(name: str, columns: Collection[str], available: Collection[str]) -> None:
    """Check that a parameter names columns of the table.

    Raises:
        InvalidConfig: A column is absent.
    """
    absent = [column for column in columns if column not in available]
    if absent:
        listing = ", ".join(map(repr, available))
        raise InvalidConfig(f"{name} names {absent[0]!r}, which is no column; the columns are {listing}")


def _is_whole(value: Any, low: int, high: float = math.inf) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and low <= int(value) <= high


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_list(value: Any, accepts: Callable[[Any], bool]) -> bool:
    """Whether it is a collection of such values; a text is none of its letters."""
    # Mappings are collections, too, but iterate over their keys alone
    is_list = isinstance(value, Collection | np.ndarray) and not isinstance(value, str | bytes | Mapping)
    return is_list and all(map(accepts, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_mapping(value: Any, accepts: Callable[[Any], bool]) -> bool:
    """Whether it maps names to such values."""
    return isinstance(value, Mapping) and all(map(_is_text, value)) and all(map(accepts, value.values()))


def _whole(low: int, high: int | None = None) -> Rule:
    ends = f"from {low} to {high}" if high is not None else f"of at least {low}"
    return Rule(
        lambda value: _is_whole(value, low, math.inf if high is None else high), f"a whole number {ends}"
    )


def _one_of(*choices: str) -> Rule:
    listing = ", ".join(map(repr, choices))
    return Rule(lambda value: isinstance(value, str) and value in choices, f"one of {listing}")


def _is_range(value: Any) -> bool:
    """Whether it is a pair of numbers in order."""
    # Arrays are no sequences in Python's sense, but users pass them
    pair = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) and len(value) == 2
    return pair and all(map(_is_number, value)) and bool(value[0] < value[1])


def _are_bounds(value: Any) -> bool:
    """Whether it is a pair of numbers in order, each of which may be None."""
    pair = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
    # Only the ends that are given must be in order
    ends = [end for end in value if end is not None] if pair else []
    return pair and all(map(_is_number, ends)) and ends == sorted(set(ends))


def _are_limits(value: Any) -> bool:
    """Whether it is what may be known of a constant."""
    numbers = isinstance(value, Mapping) and all(
        limit is None or _is_number(limit) for limit in value.values()
    )
    return numbers and set(value) <= {"min", "max", "value"}


def _are_groups(value: Any) -> bool:
    """Whether it names a column of groups, alone or with the constants of each."""
    if not isinstance(value, Mapping):
        return _is_text(value)
    constants = value.get("own")
    return (
        set(value) <= {"column", "own"}
        and _is_text(value.get("column"))
        and (constants is None or _is_list(constants, _is_text))
    )


def _is_condition(value: Any) -> bool:
    """Whether it is a text, or a place and a text; ``parse_problem`` checks the place."""
    if isinstance(value, str):
        return True
    return isinstance(value, Sequence) and len(value) == 2 and isinstance(value[1], str)


_SWITCH = Rule(lambda value: isinstance(value, bool | np.bool_), "True or False")
_SECONDS = Rule(lambda value: _is_number(value) and value > 0, "a number of seconds above 0")
_SIZES = Rule(
    lambda value: _is_list(value, lambda size: _is_whole(size, 1)),
    "a sequence of whole numbers of at least 1, such as (5,)",
)
_GRID = _whole(1, 10_000).or_none()
_SEED = _whole(0, 2**32 - 1)
_TEXTS = Rule(lambda value: _is_list(value, _is_text), "a list of texts")
_COLUMNS = Rule(lambda value: _is_list(value, _is_text), 'a list of names of columns, such as ["x0"]')

ESTIMATOR_RULES: Mapping[str, Rule] = {
    "hidden": Rule(
        lambda value: value is None or _SIZES.accepts(value),
        "a sequence of whole numbers of at least 1, such as (5,), () for no inner layer, or None",
    ),
    "grid": _GRID,
    "order": _whole(0, 10),
    "optimizer": _one_of("auto", *OPTIMIZERS),
    "device": _one_of(*get_args(DeviceChoice)),
    "grid_schedule": Rule(
        lambda value: _SIZES.accepts(value) and len(value) > 0, _SIZES.description
    ).or_none(),
    "steps": _whole(1).or_none(),
    "lamb": Rule(lambda value: _is_number(value) and value >= 0, "a number of at least 0").or_none(),
    "restarts": _whole(1).or_none(),
    "prune": _SWITCH,
    "symbolic": _SWITCH,
    "max_complexity": _whole(1).or_none(),
    "forbid": Rule(
        lambda value: _is_list(value, PRINTABLE_FUNCTIONS.__contains__),
        f"a list of functions among {', '.join(PRINTABLE_FUNCTIONS)}",
    ),
    "functions": Rule(_TEXTS.accepts, 'a list of functions, such as ["sin", "polynomial"]').or_none(),
    "must_use": _COLUMNS,
    "max_constants": _whole(0).or_none(),
    "monotone": Rule(
        lambda value: _is_mapping(value, DIRECTIONS.__contains__),
        'a mapping of columns to "increasing" or "decreasing"',
    ).or_none(),
    "bounds": Rule(
        _are_bounds, "a pair of the lowest and a higher value, either of which may be None"
    ).or_none(),
    "form": Rule(_is_text, 'a text such as "a*exp(-b*t) + c"').or_none(),
    "constants": Rule(
        lambda value: _is_mapping(value, _are_limits),
        'a mapping of constants to bounds or values, such as {"b": {"min": 0}, "g": {"value": 9.81}}',
    ).or_none(),
    "per_group": Rule(
        _are_groups, 'the name of a column, or a mapping such as {"column": "patient", "own": ["a"]}'
    ).or_none(),
    "units": Rule(
        lambda value: _is_mapping(value, lambda unit: isinstance(unit, str)),
        'a mapping of columns to units, such as {"length": "m"}',
    ).or_none(),
    "unit_mode": _one_of(*get_args(UnitMode)),
    "compact": _SWITCH.or_none(),
    "max_curves": _whole(1),
    "serve": _one_of(*get_args(Serve)),
    "is_ordered": _SWITCH,
    "max_seconds": _SECONDS,
    "random_state": Rule(
        lambda value: value is None or isinstance(value, np.random.RandomState) or _SEED.accepts(value),
        f"{_SEED.description}, a RandomState of NumPy, or None",
    ),
    "report": Rule(callable, "a function of stage, fraction, message and error").or_none(),
    "class_weight": Rule(
        lambda value: (
            value == "balanced"
            if isinstance(value, str)
            else isinstance(value, Mapping)
            and all(_is_number(weight) and weight > 0 for weight in value.values())
        ),
        '"balanced", or a mapping of classes to weights above 0',
    ).or_none(),
}
"""The rules of ``KANRegressor`` and ``KANClassifier``."""

DENSITY_RULES: Mapping[str, Rule] = {
    "grid": _GRID,
    "order": _whole(DEFAULT_DENSITY.min_order, DEFAULT_DENSITY.max_order),
    "nodes": _whole(0).or_none(),
    "symbolic": _SWITCH,
    "max_seconds": _SECONDS,
    "random_state": _SEED,
}
"""The rules of ``KANDensity``."""

EQUATION_RULES: Mapping[str, Rule] = {
    "equations": Rule(_TEXTS.accepts, 'a list of texts, such as ["y\' = -y"]'),
    "unknowns": Rule(_TEXTS.accepts, 'a list of names, such as ["y"]'),
    "domain": Rule(
        lambda value: _is_mapping(value, _is_range),
        'a mapping of variables to their lowest and highest value, such as {"x": (0, 1)}',
    ),
    "conditions": Rule(
        lambda value: _is_list(value, _is_condition),
        'a list of texts such as "y(0) = 1", or of pairs such as ({"x": 0}, "y = 1")',
    ),
    "parameters": Rule(
        lambda value: _is_mapping(value, _is_number),
        'a mapping of names to initial values, such as {"k": 1.0}',
    ).or_none(),
    "grid": _GRID,
    "order": _whole(2, 10).or_none(),
    "steps": _whole(1).or_none(),
    "symbolic": _SWITCH,
    "max_seconds": _SECONDS,
}
"""The rules of ``solve``."""
