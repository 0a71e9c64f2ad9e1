"""The runtime type checker of the engine's tests: an ``int`` passes for a ``float``, as it does for mypy."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from beartype import BeartypeConf, beartype

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def typechecked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check the function from its first call on: most of the engine is imported and not called."""
    checker = cache(lambda: _check(function))

    @wraps(function)
    def check(*args: Any, **keywords: Any) -> Any:
        return checker()(*args, **keywords)

    return check
