"""Measures of the diagram of a network, and how much of a network it shows."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DiagramStyle:
    """Lengths are in pixels.

    Attributes:
        max_edges: More edges cannot be distinguished, and the file would grow without bound.
        max_idle_inputs: Inputs without an edge are drawn unless there are more inputs than this.
        min_naming_r2: Of a function that names a curve; no noisy curve reaches it.
        max_name_length: Characters of a name or a unit.

        margin, top_margin: Of the diagram.
        min_width: Of the diagram without margins.
        max_boxes_per_row: More boxes are stacked in columns.
        max_boxes_width: A layer that needs more gets boxes of the smallest width.
        min_box_width, max_box_width: Of the boxes of curves.
        small_box_width: Narrower boxes get thinner and coarser curves.
        box_gap: Between boxes.
        line_spacing: Between lines beside a column; less where the gap would exceed ``max_column_gap``.
        max_column_gap: Between columns of boxes.

        font_size, caption_size: Of names, and of the caption.
        caption_line_height: Distance between lines of the caption.
        label_height: Of the name of a function in its box.
        max_names_width: Of the input names side by side; wider names are slanted.
        slant_degrees: Angle of slanted names.
        node_radius, product_radius, times_half_side: Of nodes, and half the side of the sign ×.
        min_opacity: Of the weakest edge.
    """

    max_edges: int = 400
    max_idle_inputs: int = 24
    min_naming_r2: float = 1 - 1e-8
    max_name_length: int = 40

    margin: float = 26.0
    top_margin: float = 54.0
    min_width: float = 420.0
    max_boxes_per_row: int = 36
    max_boxes_width: float = 1_400.0
    min_box_width: float = 24.0
    max_box_width: float = 58.0
    small_box_width: float = 36.0
    box_gap: float = 9.0
    line_spacing: float = 1.6
    max_column_gap: float = 16.0

    font_size: float = 13.0
    caption_size: float = 11.0
    caption_line_height: float = 16.0
    label_height: float = 13.0
    max_names_width: float = 1_600.0
    slant_degrees: float = 40.0
    node_radius: float = 5.0
    product_radius: float = 8.0
    times_half_side: float = 3.4
    min_opacity: float = 0.14

    @property
    def slant(self) -> tuple[float, float]:
        """Extent of a slanted name of length 1, to the left and downwards."""
        angle = math.radians(self.slant_degrees)
        return math.cos(angle), math.sin(angle)


DEFAULT_STYLE = DiagramStyle()
