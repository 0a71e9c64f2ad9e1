"""The sizes that all charts share. Each chart adds its own proportions in a subclass."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ChartStyle:
    """Sizes in pixels.

    Attributes:
        margin: To the left and right of title, notes and legend.
        title_size, note_size: Font sizes of the title, and of notes and legend.
        line_height: Of notes and legend.
        label_size, mark_size: Font sizes of axis labels and of tick labels.
    """

    margin: float = 16.0
    title_size: float = 15.0
    note_size: float = 11.5
    line_height: float = 16.0
    label_size: float = 11.0
    mark_size: float = 10.0
