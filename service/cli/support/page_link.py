"""The link to the page, and its opening in a browser."""

import os
import sys
import webbrowser
from dataclasses import dataclass

from service.local_session import write_link
from service.settings import Settings


@dataclass(frozen=True)
class PageLink:
    """A link to the page.

    Attributes:
        text: What a user opens.
        file: Address of a file that leads there, if the link has a secret; else empty.
    """

    text: str
    file: str = ""

    def open(self) -> None:
        """Open the page in a browser if there is a desktop."""
        if _has_desktop():
            webbrowser.open(self.file or self.text)


def make_page_link(url: str, settings: Settings) -> PageLink:
    """A link that opens the page of a service of this data folder once, without a key.

    Raises:
        OSError: The folder is not writable.
    """
    link, file = write_link(settings.data_dir, url)
    return PageLink(link, file.as_uri())


def _has_desktop() -> bool:
    """Whether a graphical browser can open; a text browser would take over this terminal."""
    is_unix = sys.platform not in ("win32", "darwin")
    return not is_unix or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
