"""Measures of the diagram of a network, and how much of a network it shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class PanelStyle:
    """Measures of the diagram of few curves, whose panels a person can read. Lengths are in pixels.

    Attributes:
        max_curves: A network of at most so many curves gets this diagram.
        is_cut: Whether a network of more curves gets this diagram of its ``max_curves`` strongest ones.
        width: Of the diagram at most. At this width, texts have their sizes below; 11 pixels are legible.
        min_width: Of the diagram at least; the caption needs it.
        margin: Of the diagram.
        max_sections: Outputs with long names side by side.
        columns: Panels side by side; with more, curves are too narrow to read.
        height: Of a panel; with the width of a fifth of the diagram it has the proportions of a figure.
        gap: Between panels, and between rows.
        padding: Within a panel, between frame and content.

        title_size, text_size, number_size: Fonts of names, of explanations, and of the ends of ranges.
        label_size: Font of the names of outputs.
        number_room: Height of a line of numbers.
        min_gutter, max_gutter: Width of the numbers left of a curve.
        number_gap: Between a number and its curve.

        node_radius, plain_radius: Of nodes with a sign, and of nodes that only one curve enters.
        sign_half_side: Half the side of the signs + and ×.
        stem: Length of the line from a panel to the bus above it.
        trunk: Width of the line that joins rows, left of them.
        node_gap: Between the panel of a hidden node and those of its inputs; it holds the node.
        pill_width, pill_height: Of the box of a line that needs no curve.
        bar_share: Thickness of a bar as a share of its slot.
        max_named_levels: A category of at most so many levels has horizontal bars with names; a panel has no
            room for more.
        max_name_share: Width of the names of levels as a share of the panel.
        min_opacity: Of the frame of the weakest curve.
    """

    max_curves: int = 20
    is_cut: bool = False
    width: float = 1_000.0
    min_width: float = 480.0
    margin: float = 20.0
    max_sections: int = 3
    columns: int = 5
    height: float = 134.0
    gap: float = 14.0
    padding: float = 8.0

    title_size: float = 12.0
    text_size: float = 12.0
    number_size: float = 11.0
    label_size: float = 15.0
    number_room: float = 16.0
    min_gutter: float = 26.0
    max_gutter: float = 62.0
    number_gap: float = 5.0

    node_radius: float = 9.0
    plain_radius: float = 5.0
    sign_half_side: float = 4.4
    stem: float = 10.0
    trunk: float = 14.0
    node_gap: float = 48.0
    pill_width: float = 84.0
    pill_height: float = 22.0
    bar_share: float = 0.72
    max_named_levels: int = 6
    max_name_share: float = 0.65
    min_opacity: float = 0.3

    @property
    def panel_width(self) -> float:
        """Width of a panel, such that ``columns`` of them and a hidden node fit into a row."""
        gaps = self.node_gap + (self.columns - 2) * self.gap
        return math.floor((self.width - 2 * self.margin - self.trunk - gaps) / self.columns)

    def fit(self, width: float) -> PanelStyle:
        """Return the measures for this width: on a narrow page fewer panels are side by side."""
        if width >= self.width:
            return self
        columns = max(2, min(self.columns, int(width / (self.width / self.columns - self.gap))))
        style = replace(self, width=width, min_width=min(self.min_width, width), columns=columns)
        return (
            style if columns > 2 else replace(style, margin=self.padding, max_gutter=0.75 * self.max_gutter)
        )


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
        panels: Measures of the diagram of few curves.
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
    panels: PanelStyle = PanelStyle()

    @property
    def slant(self) -> tuple[float, float]:
        """Extent of a slanted name of length 1, to the left and downwards."""
        angle = math.radians(self.slant_degrees)
        return math.cos(angle), math.sin(angle)

    def fit(self, width: float) -> DiagramStyle:
        """Return the measures for this width. The diagram of many curves keeps its own."""
        return replace(self, panels=self.panels.fit(width))

    def show_strongest(self, count: int) -> DiagramStyle:
        """Return the measures of a diagram of at most so many curves."""
        return replace(self, panels=replace(self.panels, max_curves=count, is_cut=True))


DEFAULT_STYLE = DiagramStyle()
