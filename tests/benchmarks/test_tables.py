"""Measurement sets through HTTP: what the network reaches on the hold-out rows, and others beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.benchmarks.conftest import Report, finished_job

pytestmark = pytest.mark.benchmark

BASELINES = ["linear", "mlp", "boosting"]
AIRFOIL = ("airfoil_self_noise.csv", {"target": "scaled_sound_pressure_level_db"})
OF_DATA: list[tuple[str, dict[str, Any]]] = [
    ("concrete_strength.csv", {"target": "compressive_strength_mpa"}),
    ("california_housing.csv", {"target": "MedHouseVal", "network": {"hidden": [10], "grid": 3}}),
    (
        "exercise_angles.csv",
        {
            "target": "Label",
            "network": {"hidden": [15], "grid": 5},
            "split": {"kind": "stratified", "test_fraction": 0.2, "seed": 42},
        },
    ),
]
SHOWN = {"regression": ("mae", "rmse", "r2"), "classification": ("accuracy", "f1", "roc_auc")}


def test_measurement_sets(service: httpx.Client, report: Report, data: Path | None, examples: Path) -> None:
    sets = [(examples, *AIRFOIL), *((data, *entry) for entry in OF_DATA if data)]
    rows = [row for folder, name, body in sets for row in _measured(service, folder / name, body)]
    head = ["set", "who", "metrics on the hold-out rows", "seconds"]
    where = f"and those in {data}" if data else "alone: DATA names no folder with more"
    report(f"Measurement sets: the one in the package {where}", head, rows)


def _measured(service: httpx.Client, path: Path, body: dict[str, Any]) -> list[list[object]]:
    upload = {"file": (path.name, path.read_bytes())}
    dataset = service.post("/datasets", files=upload).raise_for_status().json()
    job, seconds = finished_job(service, {"dataset_id": dataset["id"], "baselines": BASELINES, **body})
    if job["status"] != "succeeded":
        return [[path.stem, "KAN", job["error"], f"{seconds:.0f}"]]
    model = service.get(f"/models/{job['model_id']}").json()
    names = SHOWN[model["task"]]
    who = f"KAN {model['network']['width']}" + (f", cut at {job['cut_by']}" if job["cut_by"] else "")
    rows: list[list[object]] = [[path.stem, who, _text(model["metrics"], names), f"{seconds:.0f}"]]
    for name, baseline in model["baselines"].items():
        rows.append([path.stem, name, _text(baseline["metrics"], names), f"{baseline['seconds']:.1f}"])
    return rows


def _text(metrics: dict[str, float | None], names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {metrics[name]:.4g}" for name in names if metrics.get(name) is not None)
