"""Parse numbers with units or signs in their cells: 8GB, 1.37kg, 19M, 10,000+, $4.99, 12%."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from kan_engine.units.headers import is_likely_unit
from kan_engine.units.russian_symbols import translate_symbol
from service.ingest.table_warnings import TableWarning, Warnings

Parser = Callable[[pl.Series], tuple[pl.Series | None, Warnings]]

CURRENCY_SIGNS = "[$€£¥₽]"
CELL = rf"^({CURRENCY_SIGNS})?\s*([+-]?[\d.,]*\d)\s*({CURRENCY_SIGNS}|[%‰°]?[A-Za-zА-Яа-яµ°]{{0,6}})\+?$"
THOUSANDS = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9}
UNIT_FAMILIES: tuple[dict[str, float], ...] = (
    {"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12},
    {"mg": 1e-3, "g": 1.0, "kg": 1e3, "t": 1e6},
    {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3},
    {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0},
    {"ml": 1e-3, "l": 1.0, "mL": 1e-3, "L": 1.0},
    {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9},
)


def parse_units(values: pl.Series, attempts: list[Parser]) -> tuple[pl.Series | None, Warnings]:
    """Parse a column of numbers with units.

    Args:
        values: Text without surrounding spaces; null for missing values.
        attempts: Parsers of the bare numbers.

    Returns:
        The numbers in the most frequent unit, with a note; None if the column has no such numbers, with a
        note if its units cannot be converted.
    """
    if not values.str.contains(CELL).all() or values.n_unique() < 2:
        return None, []
    before, after = (values.str.extract(CELL, group).fill_null("") for group in (1, 3))
    number, units = values.str.extract(CELL, 2), before + after
    for attempt in attempts:
        bare, notes = attempt(number)
        if bare is not None and bare.null_count() == values.null_count():
            break
    else:
        return None, []
    counts = units.filter(values.is_not_null() & (bare.cast(pl.Float64) != 0)).value_counts(sort=True)
    unit_texts = counts[units.name].to_list() if counts.height else [""]
    row, scales = int((units != "").arg_max() or 0), _find_scales(unit_texts)
    if scales is None:
        examples = ", ".join(repr(unit) for unit in unit_texts[:5])
        detail = f"the numbers have different units ({examples}), so the column was read as text; use one"
        return None, [TableWarning(code="mixed_units", column=values.name, row=row, detail=detail)]
    factors = units.replace_strict(scales, default=1.0, return_dtype=pl.Float64)
    is_scaled = set(scales.values()) - {1.0}
    detail = (
        f"numbers were read without {_describe_units(unit_texts)}, as in "
        f"{values[row]!r}{_describe_scales(unit_texts, scales)}"
    )
    unit = unit_texts[0] if _is_unit(unit_texts) else None
    note = TableWarning(code="units_in_cells", column=values.name, row=row, unit=unit, detail=detail)
    return (bare.cast(pl.Float64) * factors if is_scaled else bare), [*notes, note]


def _find_scales(units: list[str]) -> dict[str, float] | None:
    """Factor of each unit to the most frequent one, which comes first; None if they cannot be converted."""
    names = set(units)
    if names <= THOUSANDS.keys() | {""}:
        return {unit: THOUSANDS.get(unit, 1.0) for unit in units} if names != {"K"} else {"K": 1.0}  # kelvin
    if len(names) == 1:
        return {units[0]: 1.0}
    symbols = {unit: translate_symbol(unit) for unit in units}
    family = next((family for family in UNIT_FAMILIES if family.keys() >= set(symbols.values())), None)
    return family and {unit: family[symbols[unit]] / family[symbols[units[0]]] for unit in units}


def _is_unit(units: list[str]) -> bool:
    """Whether the most frequent unit is one, and not a number as M for millions."""
    is_number = set(units) <= THOUSANDS.keys() | {""} and set(units) != {"K"}
    return not is_number and is_likely_unit(units[0])


def _describe_units(units: list[str]) -> str:
    symbols = [repr(unit) for unit in units if unit]
    return f"their units {', '.join(symbols)}" if symbols else "the + behind them"


def _describe_scales(units: list[str], scales: dict[str, float]) -> str:
    equations = [f"{unit} = {scales[unit]:g}{_format_unit(units[0])}" for unit in units if scales[unit] != 1]
    return f"; {', '.join(equations)}" if equations else ""


def _format_unit(unit: str) -> str:
    return f" {unit}" if unit and unit not in THOUSANDS else ""
