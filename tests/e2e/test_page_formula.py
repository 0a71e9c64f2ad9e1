"""Formulas of the page: their font, their lines, their constants and their verdict."""

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.support.browser import show, visiting

JOB_TIMEOUT_S = 60
FONT = "/assets/fonts/STIXTwoMath.woff2"


@pytest.fixture(scope="module")
def law(api: httpx.Client) -> str:
    """A model of a law with units, by its id."""
    x1, x2 = np.random.default_rng(0).uniform(-1, 1, (2, 200))
    columns = {"x1": x1.tolist(), "x2": x2.tolist(), "y": (2 * x1 + np.sin(x2)).tolist()}
    dataset = api.post("/datasets", json={"name": "law", "columns": columns, "units": {"y": "m"}}).json()
    job = api.post("/jobs", json={"dataset_id": dataset["id"], "target": "y", "name": "law"}).json()
    done = api.get(f"/jobs/{job['id']}", params={"wait": JOB_TIMEOUT_S}).json()
    assert done["status"] == "succeeded", done
    return str(done["model_id"])


def test_formulas_are_set_in_the_font_of_the_page_which_no_other_view_loads(
    browser: Browser, url: str, law: str
) -> None:
    with visiting(browser, url) as page:
        loaded: list[str] = []
        page.on("requestfinished", lambda request: loaded.append(request.url.removeprefix(url)))
        show(page, "/models")
        assert FONT not in loaded
        show(page, f"/models/{law}")
        assert FONT in loaded
        assert page.evaluate("""[...document.fonts].some(({status}) => status === "loaded")""")
        family = page.locator("math").first.evaluate("math => getComputedStyle(math).fontFamily")
        assert family.startswith('"STIX Two Math"')
