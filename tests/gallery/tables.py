"""The tables of the gallery's jobs: files of the data folder, and samples of the survey's functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import polars as pl

from tests.benchmarks.subjects.service import upload

FLIGHTS, LATE = "flight_delays.csv", "late"
LATE_MINUTES = 15
SEED = 0


def _of_two(law: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> pl.DataFrame:
    x1, x2 = np.random.default_rng(SEED).uniform(-1, 1, (2, 1_000))
    return pl.DataFrame({"x1": x1, "x2": x2, "y": law(x1, x2)})


def _decay() -> pl.DataFrame:
    x = np.linspace(0, 5, 100)
    return pl.DataFrame({"x": x, "y": np.exp(-x)})


def _normal() -> pl.DataFrame:
    return pl.DataFrame({"x": np.random.default_rng(SEED).normal(size=1_000)})


SAMPLES: dict[str, Callable[[], pl.DataFrame]] = {
    "gauss.csv": partial(_of_two, lambda x1, x2: np.exp(np.sin(x1) - x2**2)),
    "law.csv": partial(_of_two, lambda x1, x2: np.exp(np.sin(np.pi * x1) + x2**2)),
    "decay.csv": _decay,
    "normal.csv": _normal,
}


class Tables:
    """Tables by the file that stands for them on the page; each is uploaded once."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._ids: dict[str, str] = {}

    def table(self, file: str) -> pl.DataFrame:
        """A table; of flights with whether they were late, without by how much: that must not be seen."""
        if file in SAMPLES:
            return SAMPLES[file]()
        if self._folder is None:
            raise FileNotFoundError(f"{file} needs the folder of data sets")
        table = pl.read_csv(self._folder / file)
        if file == FLIGHTS:
            late = (table["ARRIVAL_DELAY"] > LATE_MINUTES).cast(pl.Int64)
            return table.drop("ARRIVAL_DELAY").with_columns(late.alias(LATE))
        return table

    def uploaded(self, client: httpx.Client, file: str) -> str:
        """Id of its dataset."""
        if file not in self._ids:
            self._ids[file] = upload(client, self.table(file))
        return self._ids[file]
