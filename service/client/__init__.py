"""Python clients of the service: ``Client``, and ``AsyncClient`` for concurrent programs.

They communicate over HTTP only: they import neither the database nor torch, and need only httpx, pydantic,
rich and lazy-loader.
"""

import lazy_loader

# The names are in `__init__.pyi`
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
