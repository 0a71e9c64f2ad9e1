"""The page as a browser meets it for the first time: what is there when, what moves, what it weighs."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from statistics import median

import numpy as np
from playwright.sync_api import Browser

from service.client import Client, Dataset
from tests.benchmarks.rows import Values
from tests.support.browser import running_browser, visiting
from tests.support.servers import wait_until, whole_service

ROWS = 500
SETTLED_MS = 2_000  # after the heading: pictures and lists have come, and moved what they move
WEB = Path(str(files("service") / "web"))
LOADED = ("index.html", "*.svg", "*.css", "css/*.css", "js/**/*.js", "vendor/*.js", "i18n/*en.json")
OBSERVED = """
window.seen = { largest: 0, shift: 0 };
const observe = (type, take) =>
  new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
observe("largest-contentful-paint", (entry) => { window.seen.largest = entry.startTime; });
observe("layout-shift", (entry) => { window.seen.shift += entry.value; });
new MutationObserver((_, self) => {
  if (!document.querySelector("main .view h1")) return;
  window.seen.view = performance.now();
  self.disconnect();
}).observe(document, { childList: true, subtree: true });
"""
SEEN = "({...window.seen, first: performance.getEntriesByName('first-contentful-paint')[0].startTime})"


def timed(view: str, loads: int) -> Values:
    """Medians over so many loads; of what moves, the most."""
    with service_with(view) as (url, address), running_browser() as browser:
        load(browser, url, address)  # the service reads its files once
        visits = [load(browser, url, address) for _ in range(loads)]
    return {
        "first paint ms": median(visit["first"] for visit in visits),
        "largest paint ms": median(visit["largest"] for visit in visits),
        "view ms": median(visit["view"] for visit in visits),
        "layout shift": max(visit["shift"] for visit in visits),
    }


def weighed() -> Values:
    """What a browser loads in one language, file by file as gzip packs it."""
    paths = [path for pattern in LOADED for path in sorted(WEB.glob(pattern))]
    contents = [path.read_bytes() for path in paths]
    gzip_bytes = sum(len(gzip.compress(content, mtime=0)) for content in contents)
    return {"files": len(paths), "kB": sum(map(len, contents)) / 1e3, "gzip kB": gzip_bytes / 1e3}


@contextmanager
def service_with(view: str) -> Iterator[tuple[str, str]]:
    """URL of a service, and the address in the page of what it has."""
    with tempfile.TemporaryDirectory() as folder, whole_service(Path(folder)) as serving:
        with Client(serving.url) as kan:
            address = VIEWS[view](kan)
        yield serving.url, address


def load(browser: Browser, url: str, address: str) -> dict[str, float]:
    """What a new visitor sees."""
    with visiting(browser, url) as page:
        page.add_init_script(OBSERVED)
        page.goto(f"/#{address}")
        page.wait_for_selector("main .view h1")
        page.wait_for_timeout(SETTLED_MS)
        timings: dict[str, float] = page.evaluate(SEEN)
    return timings


def _start(kan: Client) -> str:
    _upload(kan, noise=0)
    return "/"


def _dataset(kan: Client) -> str:
    return f"/datasets/{_upload(kan, noise=0).id}"


def _running_job(kan: Client) -> str:
    """A training that finds no law, and so goes on for minutes."""
    job = kan.submit(_upload(kan, noise=1), "y")
    wait_until(lambda: kan.job(job.id).progress.stage == "train", timeout_s=90)
    return f"/jobs/{job.id}"


def _model(kan: Client) -> str:
    return f"/models/{kan.train(_upload(kan, noise=0), 'y', progress=False).id}"


VIEWS: dict[str, Callable[[Client], str]] = {
    "start": _start,
    "dataset": _dataset,
    "running job": _running_job,
    "model": _model,
}


def _upload(kan: Client, noise: float) -> Dataset:
    random = np.random.default_rng(0)
    x1, x2 = random.uniform(-1, 1, (2, ROWS))
    y = np.exp(np.sin(np.pi * x1) + x2**2) + random.normal(0, noise, ROWS)
    return kan.upload({"x1": x1, "x2": x2, "y": y}, name="law", units={"y": "kJ"})
