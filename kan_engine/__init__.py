"""The mathematics of Kolmogorov-Arnold networks: tensors in, tensors and formulas out.

What is not named here is internal. Names are imported when they are first used: a process that
only wants the errors, or a formula, does not wait for torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
