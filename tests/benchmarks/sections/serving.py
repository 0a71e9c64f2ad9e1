"""Predictions over HTTP beside the least that an answer can cost."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import methodcaller

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Values
from tests.benchmarks.subjects import serving

OURS, BARE = "service", "bare FastAPI"
APPS = {BARE: "tests.benchmarks.subjects.bare_api:create_app", OURS: "service.main:create_app"}
CLIENTS = {"one row, 1 client": 1, "one row, 8 clients": 8}
ROWS, MANY = 10_000, "10,000 rows"
ALONE, JSON_ROWS, JSON_COLUMNS, BINARY = "model.predict alone", "JSON rows", "JSON columns", "V2 binary"
SECONDS, ROUNDS, CALLS = 5.0, 5, 15
JOBS, BUSY = 200, "one row, 8 clients, at half of the capacity, beside 200 jobs of 8 more"


def tasks(options: Options) -> Iterator[Task]:
    for turn in options.seeds(ROUNDS):
        for work, clients in CLIENTS.items():
            for who, app in APPS.items():
                seconds = 0.3 if options.quick else SECONDS
                yield Task(work=work, who=who, seed=turn, run=partial(asked, app, clients, seconds))
        for who in (ALONE, JSON_ROWS, JSON_COLUMNS, BINARY):
            yield Task(work=MANY, who=who, seed=turn, run=partial(many, who))
    yield Task(work=BUSY, who=OURS, run=partial(busy, 8 if options.quick else JOBS), limit_s=900)


def asked(app: str, clients: int, seconds: float) -> Values:
    with serving.serving(app) as server:
        return serving.latencies(server, clients, seconds)


def busy(jobs: int) -> Values:
    from tests.benchmarks.subjects import busy

    return busy.timed(jobs, SECONDS)


def many(who: str) -> Values:
    with serving.serving(APPS[OURS]) as server:
        if who == ALONE:
            x = serving.matrix(ROWS)
            columns = {f"x{place}": x[:, place] for place in range(x.shape[1])}
            return serving.rows_per_second(lambda: server.predictor.predict(columns), ROWS, CALLS)
        path, headers = "/predict", dict(server.headers)
        if who == BINARY:
            body, extra_headers = serving.tensor_of(ROWS)
            path, headers = "/v2/models/law/infer", headers | dict(extra_headers)
        else:
            body = serving.rows_of(ROWS) if who == JSON_ROWS else serving.columns_of(ROWS)
        ask = serving.asking(server, path, body, headers)
        return serving.rows_per_second(ask, ROWS, CALLS)


SECTION = Section(
    name="serving",
    title="predictions over HTTP",
    about=(
        "KAN[8, 10, 1] behind uvicorn, one process, on SQLite, every request with a key; `bare FastAPI` "
        "reads the same body with the same schema, checks the same key, and returns an answer of the same "
        "form without predicting. Clients and server share the two cores. Rows take turns, each with a "
        "server of its own. The jobs are brief trainings on the one worker of `kan-service serve`."
    ),
    tasks=tasks,
    goals=(
        *(
            Goal(
                what=f"p50 over that of the bare endpoint, {work}",
                limit=1.5,
                measured=methodcaller("ratio", "p50 ms", OURS, BARE, work=work),
            )
            for work in CLIENTS
        ),
        *(
            Goal(
                what=f"requests per second over those of the bare endpoint, {work}",
                limit=0.7,
                is_upper=False,
                measured=methodcaller("ratio", "requests/s", OURS, BARE, work=work),
            )
            for work in CLIENTS
        ),
        *(
            Goal(
                what=f"10,000 rows, {who}: rows per second over those of model.predict alone",
                limit=limit,
                is_upper=False,
                measured=methodcaller("ratio", "rows/s", who, ALONE, work=MANY),
            )
            for who, limit in ((BINARY, 0.7), (JSON_COLUMNS, 0.25), (JSON_ROWS, None))
        ),
        Goal(
            what="p99 at half of the capacity beside 200 jobs of 8 clients over that without them",
            limit=5,
            measured=methodcaller("median", "busy over idle p99", who=OURS, work=BUSY),
        ),
    ),
    measures=("kan_engine", "service"),
)
