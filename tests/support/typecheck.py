"""The runtime type checker of the engine's tests: an ``int`` passes for a ``float``, as it does for mypy."""

from beartype import BeartypeConf, beartype

typechecked = beartype(conf=BeartypeConf(is_pep484_tower=True))
