"""The gallery of the guide: its jobs are taken, its numbers and pictures are those of its jobs."""

from __future__ import annotations

import re

import polars as pl
import pytest

from service.api.routes.guide_pages import (
    ENGLISH,
    FOLDER,
    LANGUAGES,
    format_measurement,
    load_gallery,
    load_pictures,
)
from service.schemas.job_requests import read_request
from tests.benchmarks.subjects.baselines import precision_at
from tests.gallery.experiments import Experiment, experiments, of_study, shown

PAGE = FOLDER.joinpath(ENGLISH, "gallery.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("each", shown(), ids=lambda each: each.name)
def test_every_job_that_is_shown_is_one(each: Experiment) -> None:
    request = read_request(dict(each.body))
    assert request.model_dump(include=set(each.body), exclude_unset=True).keys() == each.body.keys()


def test_every_job_has_its_numbers_and_no_number_is_of_another() -> None:
    assert load_gallery().keys() == {each.name for each in shown()} | {"equations", "run"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_picture_that_is_shown_is_there_and_no_other(language: str) -> None:
    asked = {f"{each.name}-{plot}.svg" for each in shown() for plot in each.plots}
    assert set(re.findall(r"pictures/([^)]+)", PAGE)) == asked
    assert load_pictures(language).keys() == asked


def test_numbers_are_told_with_the_digits_that_people_read(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {"a": {"mae": 0.33012, "error": 5.87e-5, "zero": 0.0, "time": 156.23, "rows": 987, "word": "x"}}
    monkeypatch.setattr("service.api.routes.guide_pages.load_gallery", lambda: numbers)
    told = [[format_measurement(f"a.{name}", language) for name in numbers["a"]] for language in ("en", "ru")]
    assert told[0] == ["0.330", "5.9e-5", "0", "156", "987", "x"]
    assert told[1] == ["0,330", "5,9e-5", "0", "156", "987", "x"]


def test_jobs_and_their_pictures_are_read_off_a_page() -> None:
    page = '```json one\n{"kind": "solve"}\n```\n![Words](pictures/one-plot.svg)\n```json\n{}\n```\n'
    assert experiments(page) == [Experiment("one", {"kind": "solve"}, ("plot",))]


def test_a_study_is_told_by_its_settings_with_medians_over_seeds_and_slopes() -> None:
    rows = [(2, 10, 0, 8e-3), (2, 10, 1, 1e-3), (2, 10, 2, 2e-3), (2, 100, 0, 2e-6)]
    table = pl.DataFrame(rows, ["network.order", "network.grid", "seed", "rmse"], orient="row")
    told = of_study(table, {"network.grid": [10, 100], "network.order": [2], "seed": [0, 1, 2]})
    assert (told["2"]["10"]["rmse"], str(told["2"]["10"]["seed"])) == (2e-3, "1")
    assert told["2"]["slope"] == pytest.approx(3)


def test_the_precision_at_a_recall_is_that_of_the_likeliest_rows() -> None:
    late, rank = pl.Series([1, 0, 1, 0, 1]), pl.Series([0.9, 0.8, 0.7, 0.2, 0.1])
    assert precision_at(1 / 3, late.to_numpy(), rank.to_numpy()) == 1
    assert precision_at(2 / 3, late.to_numpy(), rank.to_numpy()) == pytest.approx(2 / 3)
