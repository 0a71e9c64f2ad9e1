"""Charts of models and studies, drawn by Matplotlib, which is imported with the first chart."""

import lazy_loader

# The names are in `__init__.pyi`
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
