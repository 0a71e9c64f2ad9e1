"""What a notebook shows at the end of a cell."""

from typing import Any

from IPython.core.formatters import DisplayFormatter


def display(thing: Any) -> dict[str, str]:
    """Texts by media type, chosen as the kernel of a notebook chooses them."""
    texts, _ = DisplayFormatter().format(thing)
    return texts
