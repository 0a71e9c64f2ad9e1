"""The mathematics of Kolmogorov-Arnold networks: tensors in, tensors and formulas out.

Names that are not exported here are internal. Exported names are imported on first use, so that a
process which needs only the errors or a formula does not load torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
