"""Read files and request bodies as typed tables.

Every reader returns a frame with columns of six types, a report per column, and warnings about
everything that was guessed. Input that cannot be taken literally is refused with its line and column;
nothing is repaired silently. A reader is imported when it is used.
"""

import lazy_loader

# The names are in `__init__.pyi`
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
