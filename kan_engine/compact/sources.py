"""What the curves of a network read: a number, or all levels of a category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.data.encoding import Encoding


@dataclass(frozen=True)
class Source:
    """The encoded columns that one curve reads.

    Attributes:
        columns: Their indices: one for a number, and one for each level of a category, a missing value
            included. "x is missing" of a number is a source of its own.
        is_category: Whether the columns are the levels of a category.
    """

    columns: tuple[int, ...]
    is_category: bool


def list_sources(encoding: Encoding, x: Float[np.ndarray, "rows columns"]) -> tuple[Source, ...]:
    """Return the sources whose columns vary in these encoded rows, in the order of the columns."""
    varies = (x != x[:1]).any(0)
    categories = {feature.name for feature in encoding.features if feature.type == "category"}
    groups: dict[tuple[str, int], list[int]] = {}
    for place, column in enumerate(encoding.names):
        if varies[place]:
            # Levels of a category share one source; a number and its missing values are two
            number = -1 if column.feature in categories else place
            groups.setdefault((column.feature, number), []).append(place)
    return tuple(Source(tuple(places), name in categories) for (name, _), places in groups.items())
