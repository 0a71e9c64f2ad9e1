"""What the tests of the page share: one service, models of it, and a browser for each file."""

from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.support.browser import running_browser
from tests.support.servers import whole_service
from tests.support.trained import SMALL, trained

ROWS = 200


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with whole_service(tmp_path_factory.mktemp("page")) as serving:
        yield serving.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def api(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=90) as client:
        yield client


@pytest.fixture(scope="session")
def law(api: httpx.Client) -> str:
    """A model of the law exp(sin(pi*x1) + x2**2), by its id as all of these."""
    x1, x2 = np.random.default_rng(0).uniform(-1, 1, (2, ROWS))
    columns = {"x1": x1, "x2": x2, "y": np.exp(np.sin(np.pi * x1) + x2**2)}
    return trained(api, columns, target="y", name="law", units={"y": "kJ"})


@pytest.fixture(scope="session")
def classes(api: httpx.Client) -> str:
    """A small classifier with a category, true and false, and missing values in every tenth row."""
    random = np.random.default_rng(1)
    z, flag = random.normal(size=ROWS), random.random(ROWS) < 0.5
    kind = random.choice(["a", "b"], ROWS)
    is_it = np.where(z + (kind == "b") + 0.3 * random.normal(size=ROWS) > 0.4, "yes", "no")
    gaps = [None if place % 10 == 0 else value for place, value in enumerate(z.tolist())]
    columns = {"z": gaps, "kind": kind, "flag": flag, "is it": is_it}
    return trained(api, columns, target="is it", name="classes", **SMALL)


@pytest.fixture(scope="session")
def kinds(api: httpx.Client) -> str:
    """A classifier of three classes over a number and a category."""
    random = np.random.default_rng(5)
    z, place = random.normal(size=ROWS), random.choice(["north", "south"], ROWS)
    sum_ = z + 0.5 * (place == "north") + 0.3 * random.normal(size=ROWS)
    kind = np.array(["ash", "beech", "oak"])[np.digitize(sum_, [-0.5, 0.6])]
    columns = {"z": z, "place": place, "kind": kind}
    return trained(api, columns, target="kind", name="kinds", max_seconds=20, **SMALL)


@pytest.fixture(scope="session")
def heights(api: httpx.Client) -> str:
    """A density of one column, which follows a normal law."""
    columns = {"height": np.random.default_rng(2).normal(172, 7, 300)}
    return trained(api, columns, task="density", features=["height"], name="heights", units={"height": "cm"})
