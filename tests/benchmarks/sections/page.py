"""What a browser that opens the page has to load, and how soon and how steadily it shows it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import methodcaller

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Values

VIEWS = ("start", "dataset", "running job", "model")
FILES, WHO = "files", "page"
LOADS = 9


def tasks(options: Options) -> Iterator[Task]:
    yield Task(work=FILES, who=WHO, run=weighed)
    for view in VIEWS:
        yield Task(work=view, who=WHO, run=partial(timed, view, 1 if options.quick else LOADS))


def weighed() -> Values:
    from tests.benchmarks.subjects import page

    return page.weighed()


def timed(view: str, loads: int) -> Values:
    from tests.benchmarks.subjects import page

    return page.timed(view, loads)


SECTION = Section(
    name="page",
    title="the page in a browser",
    about=(
        f"Medians over {LOADS} loads in a headless Chromium, each with an empty cache, from `kan-service "
        "serve` on the same machine; of the layout shift, the most of these loads. It is the sum until two "
        "seconds after the heading is there. What paints first, and largest, are the words that stand in the "
        "document; a view comes when the API has answered. A law of 500 rows; the running job is "
        "a training on noise, which takes one of the cores meanwhile. Files are all scripts and styles, the "
        "document, the icon and the words of one language, each as `gzip` packs it."
    ),
    tasks=tasks,
    measures=("service", "service/web"),
    goals=(
        *(
            Goal(
                what=f"{what}, {view}",
                limit=limit,
                measured=methodcaller("median", value, who=WHO, work=view),
            )
            for what, value, limit in (
                ("ms until the first paint", "first paint ms", 500),
                ("ms until the largest paint", "largest paint ms", 1000),
                ("ms until the view with its heading", "view ms", 1000),
                ("layout shift, at most", "layout shift", 0.05),
            )
            for view in VIEWS
        ),
        Goal(
            what="kB of all that the page loads of its own, packed",
            limit=100,
            measured=methodcaller("median", "gzip kB", who=WHO, work=FILES),
        ),
    ),
)
