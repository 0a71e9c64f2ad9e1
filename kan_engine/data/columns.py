"""Convert a client's columns to numbers or category names; errors name the column and the row."""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Shaped

from kan_engine.errors import InvalidData


def row_count(columns: Mapping[str, Shaped[np.ndarray, " ..."]]) -> int:
    """Return the common length of all columns; raise InvalidData if their shapes differ."""
    if not columns:
        raise InvalidData("there are no columns")
    # All columns are compared with the first, which decides the number of rows
    shape = next(iter(columns.values())).shape
    for name, values in columns.items():
        if values.ndim != 1 or values.shape != shape:
            raise InvalidData(
                f"the column {name!r} has the shape {values.shape}, others {shape}", column=name
            )
    return int(shape[0])


def missing_mask(values: Shaped[np.ndarray, " rows"]) -> Bool[np.ndarray, " rows"]:
    """Where the values of a column are missing: NaN among floats, None among objects."""
    if values.dtype.kind == "f":
        missing: np.ndarray = np.isnan(values)
        return missing
    return np.fromiter((value is None for value in values), bool, len(values))


def varies(values: Shaped[np.ndarray, " rows"]) -> bool:
    """Whether a column has two different values, of which one may be a missing one."""
    if values.dtype.kind == "f":
        present = values[~np.isnan(values)]
        return len(present) > 0 and (len(present) < len(values) or bool(present.min() < present.max()))
    return len(set(values.tolist())) > 1


def read_numbers(
    name: str, values: Shaped[np.ndarray, " rows"], *, boolean: bool = False
) -> Float[np.ndarray, " rows"]:
    """Return a column as finite numbers, with NaN for missing values.

    Args:
        name: Name of the column in error messages.
        values: Numbers, or objects that are numbers or None. Text is an error, even "3.5".
        boolean: Whether to accept true and false as well, and of the numbers only 0 and 1.

    Raises:
        InvalidData: A value is not accepted.
    """
    # Arrays of numbers are converted at once, objects one by one
    if values.dtype.kind in "fiu" or (boolean and values.dtype.kind == "b"):
        numbers = values.astype(np.float64)
    else:
        numbers = np.array(
            [_parse_number(value, boolean) for value in _to_python_objects(values)], dtype=np.float64
        )
    wrong = np.isinf(numbers)  # also values that ``_parse_number`` cannot convert
    if boolean:
        wrong |= ~np.isnan(numbers) & (numbers != 0) & (numbers != 1)
    if wrong.any():
        raise _invalid_value(name, int(wrong.argmax()), "true or false" if boolean else "a finite number")
    return numbers


def read_labels(name: str, values: Shaped[np.ndarray, " rows"]) -> list[str | None]:
    """Return a column as category names, with None for missing values.

    The label of a number does not depend on its type: 3 and 3.0 are both "3".

    Raises:
        InvalidData: A value is not text, a boolean or a finite number.
    """
    if values.dtype.kind == "f":
        return _format_number_labels(name, values)
    labels: list[str | None] = []
    for row, value in enumerate(_to_python_objects(values)):
        if value is None or isinstance(value, str):
            labels.append(value)
        elif isinstance(value, bool | int | float) and value not in (math.inf, -math.inf):
            labels.append(_format_label(value))
        else:
            raise _invalid_value(name, row, "a category")
    return labels


def _format_number_labels(name: str, values: Float[np.ndarray, " rows"]) -> list[str | None]:
    """Return the labels of floats; equal numbers share one string object, which saves memory."""
    infinite = np.isinf(values)
    if infinite.any():
        raise _invalid_value(name, int(infinite.argmax()), "a category")
    # Every distinct number is formatted once
    numbers, places = np.unique(values, return_inverse=True)
    labels = np.empty(len(numbers), dtype=object)
    labels[:] = [_format_label(number) for number in numbers.tolist()]
    row_labels: list[str | None] = labels[places].tolist()
    return row_labels


def _to_python_objects(values: Shaped[np.ndarray, " rows"]) -> list[object]:
    """Convert the values to Python objects; an array of objects may hold NumPy scalars."""
    return [value.item() if isinstance(value, np.generic) else value for value in values.tolist()]


def _parse_number(value: object, boolean: bool) -> float:
    """Return a value as float: NaN if it is missing, infinity if it is not a number or too large for one."""
    if value is None:
        return math.nan
    if not isinstance(value, int | float) or (isinstance(value, bool) and not boolean):
        return math.inf
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf


def _format_label(value: bool | int | float) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if math.isnan(value):
        return None
    return str(int(value)) if value == int(value) else repr(value)


def _invalid_value(name: str, row: int, requirement: str) -> InvalidData:
    return InvalidData(f"the column {name!r} needs {requirement} in row {row}", column=name, row=row)
