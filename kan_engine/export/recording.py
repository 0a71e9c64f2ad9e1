"""Functions of NumPy arrays as operations of another language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Recorded(NDArrayOperatorsMixin):
    """Stands for an array: what ufuncs are applied to it, ``write`` translates.

    Args:
        value: The array in the other language.
        write: The result of a ufunc there, given the ufunc and its operands, which are values or numbers.
    """

    def __init__(self, value: Any, write: Callable[..., Any]) -> None:
        self.value, self._write = value, write

    def __array_ufunc__(self, ufunc: np.ufunc, _: str, *operands: Any) -> Recorded:
        """Translate an operation."""
        values = [part.value if isinstance(part, Recorded) else part for part in operands]
        return Recorded(self._write(ufunc, *values), self._write)
