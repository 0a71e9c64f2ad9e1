"""Fixtures of the tests of estimators."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def short_searches() -> Iterator[None]:
    """Estimators search briefly for fronts and compact networks."""
    from tests.support.engine.short_searches import short_estimator_searches

    with short_estimator_searches():
        yield
