"""Which member of a model answers, against its other members, and how often its intervals hold."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import httpx
import numpy as np
import orjson
import polars as pl

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values
from tests.benchmarks.sections.tables.small_tables import DEFAULTS

TARGETS = {
    "blackbox/1027_ESL.csv": "target",
    "blackbox/192_vineyard.csv": "target",
    "blackbox/197_cpu_act.csv": "target",
    "blackbox/207_autoPrice.csv": "target",
    "blackbox/503_wind.csv": "target",
    "blackbox/523_analcatdata_neavote.csv": "target",
    "blackbox/529_pollen.csv": "target",
    "blackbox/597_fri_c2_500_5.csv": "target",
    "blackbox/612_fri_c1_1000_5.csv": "target",
    "robust/bodyfat.csv": "body_fat_pct",
    "messy/air_quality.csv": "CO(GT)",
    "messy/google_play.csv": "Rating",
    "messy/laptop_price.csv": "Price_euros",
    "messy/telco_churn.csv": "Churn",
}
SECONDS, GRACE_S = 30, 300
SPLITS, MAX_HELD_OUT, MIN_HELD_OUT = 5, 2_000, 40
LEVEL, FRESH_ROWS, MIN_COVERED_ROWS = 0.9, 2_000, 200
SIZES, COLUMNS, DRAWS = (60, 80, 120, 400), 6, 2
FORMS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "additive": lambda x, e: np.sin(6 * x[0]) + np.abs(2 * x[1] - 1) + 4 * x[2] ** 2 - x[3] + 0.3 * e,
    "product": lambda x, e: 4 * (x[0] - 0.5) * x[1] + np.tanh(8 * x[2] - 4) + 0.3 * e,
    "Friedman 1": lambda x, e: (
        10 * np.sin(np.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4] + e
    ),
    "line": lambda x, e: x[0] + 2 * x[1] - 3 * x[2] + 4 * x[3] + e,
}


def tasks(options: Options) -> Iterator[Task]:
    body = {"max_seconds": 5 if options.quick else SECONDS}
    runs = [
        (Path(file).stem, seed, partial(compare_members, options.path(file), target, seed, body))
        for file, target in list(TARGETS.items())[: 2 if options.quick else None]
        for seed in options.seeds(SPLITS)
    ] + [
        (f"{form}, {count} rows", seed, partial(cover_fresh_rows, form, count, seed, body))
        for form in FORMS
        for count in SIZES[: 1 if options.quick else None]
        for seed in options.seeds(DRAWS)
    ]
    for work, seed, run in runs:
        yield Task(work=work, who=DEFAULTS, seed=seed, run=run, limit_s=SECONDS + GRACE_S)


def compare_members(path: Path, target: str, seed: int, body: Mapping[str, Any]) -> Values:
    """The member that answers against every member of the same model, on the same hold-out rows."""
    from tests.benchmarks.subjects import service

    with service.running() as client:
        table = _read_table(client, path).drop_nulls(target)
        is_held = np.random.default_rng(seed).permutation(table.height) < table.height // 5
        marked, split = service.hold_out(table, is_held)
        dataset_id = service.upload(client, marked)
        _, model, _ = service.finished_model(client, dataset_id, {"target": target, "split": split, **body})
        rows = table.filter(is_held).head(MAX_HELD_OUT)
        members = {by: _measure_errors(client, model, rows, target, by) for by in model["members"]}
        answer, covered = _measure_errors(client, model, rows, target, "auto")
    losses = {by: errors**2 for by, (errors, _) in members.items()}
    spread = _measure_spread(rows[target], is_number=model["task"] == "regression")

    def falls_behind(by: str, margin: float, standard_errors: float) -> bool:
        gains = answer**2 - losses[by]
        return bool(gains.mean() > max(margin * spread, standard_errors * gains.std() / len(gains) ** 0.5))

    is_large = len(rows) >= MIN_HELD_OUT and "linear" in losses
    is_covered = covered is not None and len(rows) >= MIN_COVERED_ROWS
    return {
        "ratio": float(answer.mean() / min(errors.mean() for errors, _ in members.values())),
        "worse": float(any(falls_behind(by, 0.02, 2.0) for by in losses)),
        "below a line": float(is_large and falls_behind("linear", 0.05, 0.0)),
        **({"coverage": covered} if is_covered else {}),
    }


def cover_fresh_rows(form: str, count: int, seed: int, body: Mapping[str, Any]) -> Values:
    """The share of fresh rows within the intervals of the default answer."""
    from tests.benchmarks.subjects import service

    generator = np.random.default_rng([count, seed])
    x, noise = generator.random((COLUMNS, count + FRESH_ROWS)), generator.normal(size=count + FRESH_ROWS)
    columns = {f"x{place}": part for place, part in enumerate(x)} | {"y": FORMS[form](x, noise)}
    table = pl.DataFrame(columns)
    with service.running() as client:
        dataset_id = service.upload(client, table.head(count))
        _, model, _ = service.finished_model(client, dataset_id, {"target": "y", **body})
        return {"coverage": _measure_errors(client, model, table.tail(FRESH_ROWS), "y", "auto")[1]}


def _read_table(client: httpx.Client, path: Path) -> pl.DataFrame:
    """A file with the types that an upload gives it."""
    from tests.benchmarks.subjects import service

    dataset = service.checked(client.post("/datasets", files={"file": (path.name, path.read_bytes())}))
    content = client.get(f"/datasets/{dataset['id']}/content").raise_for_status().content
    return pl.read_parquet(io.BytesIO(content))


def _measure_errors(
    client: httpx.Client, model: Mapping[str, Any], rows: pl.DataFrame, target: str, by: str
) -> tuple[np.ndarray, float | None]:
    """Absolute errors of a member, or roots of the log loss, and the share of rows within its intervals."""
    from tests.benchmarks.subjects import service

    is_number = model["task"] == "regression"
    body = {"columns": rows.drop(target).to_dict(as_series=False), "by": by}
    # Times travel as text
    text = orjson.dumps(body | ({"interval": LEVEL} if is_number and by == "auto" else {}))
    sent = client.post(
        f"/models/{model['id']}/predict", content=text, headers={"Content-Type": "application/json"}
    )
    answer = service.checked(sent)
    if not is_number:
        chances = [
            entry[str(label)] for entry, label in zip(answer["probabilities"], rows[target], strict=True)
        ]
        return np.sqrt(-np.log(np.maximum(chances, np.finfo(float).tiny))), None
    truth = rows[target].to_numpy().astype(float)
    # Where a member has no value, its error is infinite
    errors = np.nan_to_num(np.abs(np.array(answer["predictions"], float) - truth), nan=np.inf)
    # Rows outside the ranges of training have no interval
    bounds = zip(truth, answer.get("intervals") or [], strict=False)
    is_inside = [ends[0] <= value <= ends[1] for value, ends in bounds if ends is not None]
    return errors, float(np.mean(is_inside)) if is_inside else None


def _measure_spread(values: pl.Series, *, is_number: bool) -> float:
    """The loss of the mean, or of the shares of the classes."""
    if is_number:
        return float(np.var(values.to_numpy()))
    shares = values.value_counts(normalize=True)["proportion"].to_numpy()
    return float(-shares @ np.log(shares))


def combine(name: str, how: Callable[[list[float]], float], results: Measured) -> float:
    """A figure of all rows that have it; NaN until all are measured."""
    count = SPLITS * len(TARGETS) + DRAWS * len(FORMS) * len(SIZES)
    is_complete = len(results.rows) == count and not any(row.failure for row in results.rows)
    return float(how(results.numbers(name, who=DEFAULTS))) if is_complete else float("nan")


SECTION = Section(
    name="who_answers",
    title="the member that answers, and its intervals",
    about=(
        "Default jobs of 30 seconds over HTTP; a fifth of every table is held out, five times. `ratio`: mean "
        "absolute error (or root of the log loss) of the answer, over the lowest of all members of the same "
        "model on the same rows, which is named in hindsight. `worse`: R² lower than that of a member by "
        "more than 0.02 and by two standard errors of the paired losses. `below a line`: by 0.05 of R², "
        "where 40 rows or more are held out. `coverage`: share of 200 hold-out rows or more, or of 2,000 "
        "fresh rows of drawn tables, within intervals of 90 %; rows outside the ranges of training have "
        "none."
    ),
    tasks=tasks,
    goals=(
        Goal(what="mean ratio", limit=1.01, measured=partial(combine, "ratio", mean)),
        Goal(what="share that is worse", limit=0.02, measured=partial(combine, "worse", mean)),
        Goal(what="below a line", limit=0, measured=partial(combine, "below a line", sum)),
        Goal(what="mean coverage, at most", limit=0.93, measured=partial(combine, "coverage", mean)),
        Goal(
            what="mean coverage, at least",
            limit=0.88,
            is_upper=False,
            measured=partial(combine, "coverage", mean),
        ),
        Goal(what="lowest coverage", limit=0.85, is_upper=False, measured=partial(combine, "coverage", min)),
    ),
    needs=tuple(TARGETS),
    measures=("kan_engine", "service", "worker"),
)
