"""Which edges of a network are described, and which functions are suggested for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EdgeThresholds:
    """Sizes of the edges document of a model, and the ranking of suggested functions.

    Attributes:
        max_edges: More would be illegible, and the description as large as many tables.
        max_combined_edges: Edges of categories are combined to curves over levels unless there are more edges
            than this: nobody looks at so many curves, and the document would grow by half.
        curve_points: Per curve.
        max_sample_rows: Rows from which scores and ranges are computed.
        max_suggested_edges: The strongest edges get suggestions; more would delay the result.
        max_suggestions: Per edge.
    """

    max_edges: int = 10_000
    max_combined_edges: int = 5_000
    curve_points: int = 61
    max_sample_rows: int = 2000
    max_suggested_edges: int = 24
    max_suggestions: int = 8


DEFAULT_EDGES = EdgeThresholds()
