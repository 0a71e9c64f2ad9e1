"""Ticks of axes with numbers in the notation of the picture's language."""

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, ScalarFormatter

from kan_engine.drawing.svg import Theme
from kan_engine.drawing.translations import SUPERSCRIPTS, format_number

DECADES_OF_POWERS = 2.5  # an axis over fewer decades has ticks at 2 and 5 as well


class NumberFormatter(ScalarFormatter):
    """Numbers with a common power of ten at the end of the axis where they are very large or small."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(useOffset=False)
        self.set_powerlimits((-4, 6))
        self._theme = theme

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Format the number at a tick."""
        return self._theme.localise_number(super().__call__(x, pos))

    def get_offset(self) -> str:
        """Return the common power of ten."""
        power = super().get_offset().removeprefix("1e").replace("−", "-")
        return f"× 10{power.translate(SUPERSCRIPTS)}" if power else ""


def format_ticks(axis: Axis, theme: Theme, *, max_ticks: int = 7, is_whole: bool = False) -> None:
    """Set at most ``max_ticks`` ticks, at whole numbers only if ``is_whole``."""
    axis.set_major_locator(MaxNLocator(max_ticks, integer=is_whole, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(NumberFormatter(theme))


def format_log_ticks(axis: Axis, theme: Theme, *, decades: float, max_ticks: int = 7) -> None:
    """Set the ticks of a logarithmic axis: powers of ten, and 2 and 5 in between if these are few."""
    steps = (1.0,) if decades > DECADES_OF_POWERS else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=steps, numticks=max_ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: theme.localise_number(format_number(value))))
