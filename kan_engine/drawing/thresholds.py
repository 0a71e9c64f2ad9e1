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
        curves_per_batch: Curves that are fitted side by side.
        max_suggestions: Per edge.
        complexity_weight: pykan's weight of complexity against fit in the total.
        r2_resolution: pykan's value; smaller differences of 1 - R² are ignored.
    """

    max_edges: int = 10_000
    max_combined_edges: int = 5_000
    curve_points: int = 61
    max_sample_rows: int = 2000
    max_suggested_edges: int = 24
    curves_per_batch: int = 4
    max_suggestions: int = 8
    complexity_weight: float = 0.8
    r2_resolution: float = 1e-5


DEFAULT_EDGES = EdgeThresholds()
