"""The jobs that a page of the guide shows, how they are run, and what they leave."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import polars as pl
from markdown_it import MarkdownIt

from service.api.routes.guide_pages import ENGLISH, FOLDER
from tests.benchmarks.subjects.service import finished_job
from tests.gallery.tables import Tables

PICTURE = re.compile(r"\]\(pictures/([\w-]+)-(\w+)\.svg\)")
GRID, SEED = "network.grid", "seed"


@dataclass(frozen=True)
class Experiment:
    """A job of the page.

    Attributes:
        name: What the page calls it.
        body: What a client sends, with the file of the dataset for its id.
        plots: Names of its pictures; ``plot`` is that of the network.
    """

    name: str
    body: Mapping[str, Any]
    plots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """What a job left: its own resource and that of its model, and the numbers of the page."""

    job: Mapping[str, Any]
    model: Mapping[str, Any] | None
    numbers: dict[str, Any] = field(default_factory=dict)


def shown() -> list[Experiment]:
    """Those of the gallery."""
    return experiments(FOLDER.joinpath(ENGLISH, "gallery.md").read_text(encoding="utf-8"))


def experiments(page: str) -> list[Experiment]:
    """All jobs of a page, in its order."""
    plots: dict[str, list[str]] = {}
    for name, plot in PICTURE.findall(page):
        plots.setdefault(name, []).append(plot)
    fences = (token for token in MarkdownIt().parse(page) if token.type == "fence")
    named = [(token.info.split(), token.content) for token in fences]
    return [
        Experiment(words[1], json.loads(content), tuple(plots.get(words[1], ())))
        for words, content in named
        if words[:1] == ["json"] and len(words) == 2
    ]


def run(client: httpx.Client, each: Experiment, tables: Tables) -> Made:
    """Submit the job and wait for its end.

    Raises:
        RuntimeError: It was refused, or has not succeeded.
    """
    body = dict(each.body)
    dataset = body.pop("dataset_id", None)
    job, seconds = finished_job(client, tables.uploaded(client, dataset) if dataset else None, body)
    if job["status"] != "succeeded":
        raise RuntimeError(f"{each.name}: the job {job['status']}: {job['error']}")
    if job["kind"] == "study":
        table = pl.read_csv(io.BytesIO(client.get(f"/jobs/{job['id']}/result").raise_for_status().content))
        return Made(job, None, {"seconds": seconds, **of_study(table, body["vary"])})
    model = client.get(f"/models/{job['model_id']}").raise_for_status().json()
    return Made(job, model, {"seconds": seconds, **_of_model(client, model)})


def picture(client: httpx.Client, made: Made, plot: str, language: str) -> bytes:
    """An SVG of what the job made."""
    home = f"/jobs/{made.job['id']}" if made.model is None else f"/models/{made.model['id']}"
    path = f"{home}/plot.svg" if plot == "plot" else f"{home}/plots/{plot}.svg"
    return client.get(path, params={"lang": language}).raise_for_status().content


def _of_model(client: httpx.Client, model: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: model.get(name) for name in ("metrics", "baselines", "network", "timings", "threshold")}
    answer = client.get(f"/models/{model['id']}/symbolic")
    if answer.is_success:
        symbolic = answer.json()
        output, *_ = symbolic["outputs"]  # of classes, that of the first
        numbers |= {"formula": output["expression"], "verdict": symbolic["verdict"]}
        numbers["formula_rmse"] = output.get("rmse")
        if law := output.get("law"):
            numbers["law"] = {"name": law["name"], **{each["name"]: each for each in law["parameters"]}}
    return {name: value for name, value in numbers.items() if value is not None}


def of_study(table: pl.DataFrame, vary: Mapping[str, Any]) -> dict[str, Any]:
    """Medians over seeds by the values of the settings, ``[value][value][column]``; slopes along the grid."""
    paths = [path for path in sorted(vary, key=lambda path: (path == GRID, path)) if path != SEED]
    numbers: dict[str, Any] = {}
    for keys, rows in table.sort(paths).group_by(paths, maintain_order=True):
        place = numbers
        for key in keys:
            place = place.setdefault(str(key), {})
        medians = rows.select(pl.selectors.numeric().median()).row(0, named=True)
        place |= {name.replace(".", "_"): _whole(value) for name, value in medians.items()}
    if paths[-1] == GRID:
        _add_slopes(numbers, len(paths))
    return numbers


def _whole(value: float | None) -> float | None:
    """A count as one."""
    return int(value) if value is not None and value.is_integer() else value


def _add_slopes(numbers: dict[str, Any], depth: int) -> None:
    """How fast the error falls from the first to the last grid: −Δ log RMSE / Δ log G."""
    if depth > 1:
        for inner in list(numbers.values()):
            _add_slopes(inner, depth - 1)
        return
    first, *_, last = list(numbers)
    fall = math.log(numbers[first]["rmse"] / numbers[last]["rmse"])
    numbers["slope"] = fall / math.log(int(last) / int(first))
