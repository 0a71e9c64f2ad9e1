"""``make demo``: from two tables to two networks and a formula, over HTTP, in about a minute.

Starts ``kan-service serve`` on a free port over a fresh folder, uploads a sampled law and a set of
real measurements, trains with defaults, shows what came out, and stops everything. Ends with 0
only if the formula of the law was found exactly and the measurements are predicted better than by
a linear model.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import typer

from service.cli_client import embedded_service

LAW = "exp(sin(pi*x1) + x2**2)"
AIRFOIL = files("service") / "examples" / "airfoil_self_noise.csv"
AIRFOIL_TARGET = "scaled_sound_pressure_level_db"
AIRFOIL_UNITS = '{"frequency_hz": "Hz", "angle_of_attack_deg": "deg", "scaled_sound_pressure_level_db": "dB"}'
PICTURES = Path("kan-demo")
MEASUREMENTS_S = 45  # a longer search gives a better network; this is a demo
JOB_WITHIN_S = 330  # a little more than a job's own default limit
POLL_S = 0.2


class DemoFailed(Exception):
    """Something did not go well; the message says what."""


def main() -> int:
    """Run the demo; 0 if all went well."""
    try:
        with _service() as client:
            law, airfoil = _upload_law(client), _upload_airfoil(client)
            law_job = _submit(client, law, "y")
            airfoil_job = _submit(client, airfoil, AIRFOIL_TARGET, max_seconds=MEASUREMENTS_S)
            _show_law(client, law_job)
            _show_airfoil(client, airfoil_job, airfoil)
    except (DemoFailed, typer.Exit, httpx.HTTPError) as error:
        typer.secho(f"\nThe demo failed: {error}", fg="red", err=True)
        return 1
    _title("All went well. Everything is stopped. Next: make serve")
    return 0


def _show_law(client: httpx.Client, job_id: str) -> None:
    """The law's formula must come back."""
    _title(f"A law: 1,000 samples of y = {LAW}")
    model = _wait_for_model(client, job_id)
    formula = _get(client, f"/models/{model['id']}/symbolic")
    output = formula["outputs"][0]
    _say(f"formula:    y = {output['expression']}")
    _say(
        f"exact:      {'yes' if formula['exact'] else 'no'} (RMSE {output['rmse']:.1e} on the hold-out rows)"
    )
    _show_metrics(model)
    _save_picture(client, model, "law")
    row = {"x1": 0.3, "x2": -0.7}
    answer = _post(client, "/predict", json={"model": model["id"], "rows": [row]})
    truth = float(np.exp(np.sin(np.pi * row["x1"]) + row["x2"] ** 2))
    _say(f"prediction: y = {answer['predictions'][0]:.9f} at {row}; the law says {truth:.9f}")
    if not formula["exact"]:
        raise DemoFailed(f"the formula is not exact: {output['expression']}")


def _show_airfoil(client: httpx.Client, job_id: str, dataset_id: str) -> None:
    """Real measurements: no law is known, so a straight line is what to beat."""
    _title("Measurements: the noise of 1,503 airfoils in a wind tunnel (NASA 1989, CC BY 4.0)")
    model = _wait_for_model(client, job_id)
    _show_metrics(model)
    formula = client.get(f"/models/{model['id']}/symbolic")
    if formula.is_success:
        output = formula.json()["outputs"][0]
        _say(f"formula:    {AIRFOIL_TARGET} ≈ {output['expression']}")
        _say(
            f"            shorter than the network and less exact: R² {output['r2']:.4f} on the hold-out rows"
        )
    _save_picture(client, model, "airfoil")
    row = _get(client, f"/datasets/{dataset_id}/preview")["rows"][0]
    answer = _post(client, "/predict", json={"model": model["id"], "rows": [row], "interval": 0.9})
    low, high = answer["intervals"][0]
    value = answer["predictions"][0]
    _say(f"prediction: {value:.1f} dB, 90 % interval {low:.1f} to {high:.1f}; measured {row[AIRFOIL_TARGET]}")
    if model["metrics"]["r2"] <= _linear(model)["r2"]:
        raise DemoFailed("the network does not beat the linear model")


def _upload_law(client: httpx.Client) -> str:
    x1, x2 = np.random.default_rng(0).uniform(-1, 1, size=(2, 1000))
    y = np.exp(np.sin(np.pi * x1) + x2**2)
    columns = {"x1": x1.tolist(), "x2": x2.tolist(), "y": y.tolist()}
    return str(_post(client, "/datasets", json={"name": "law", "columns": columns})["id"])


def _upload_airfoil(client: httpx.Client) -> str:
    upload = {"file": (AIRFOIL.name, AIRFOIL.read_bytes(), "text/csv")}
    form = {"name": "airfoil", "units": AIRFOIL_UNITS}
    return str(_post(client, "/datasets", files=upload, data=form)["id"])


def _submit(client: httpx.Client, dataset_id: str, target: str, **options: Any) -> str:
    return str(_post(client, "/jobs", json={"dataset_id": dataset_id, "target": target, **options})["id"])


def _wait_for_model(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """Tell each stage of a job as it comes, and return the model."""
    started, stage = time.monotonic(), None
    while time.monotonic() < started + JOB_WITHIN_S:
        job = _get(client, f"/jobs/{job_id}")
        progress = job["progress"]
        if progress["stage"] not in (stage, None):
            stage = progress["stage"]
            _say(f"{time.monotonic() - started:6.1f} s   {stage:<12} {progress['message'] or ''}".rstrip())
        if job["status"] == "succeeded":
            _say(f"{time.monotonic() - started:6.1f} s   succeeded")
            return _get(client, f"/models/{job['model_id']}")
        if job["status"] in ("failed", "cancelled"):
            raise DemoFailed(f"the job {job['status']}: {job['error']}")
        time.sleep(POLL_S)
    raise DemoFailed(f"job {job_id} did not end within {JOB_WITHIN_S} s")


def _show_metrics(model: dict[str, Any]) -> None:
    linear = _linear(model)
    _say(f"network:    KAN{model['network']['width']}, {model['network']['parameters']} parameters")
    for name, of_whom in (("network", model["metrics"]), ("linear", linear)):
        _say(f"hold-out:   {name:<8} R² {of_whom['r2']:.4f}   RMSE {of_whom['rmse']:.3g}")


def _linear(model: dict[str, Any]) -> dict[str, float]:
    if "linear" not in model["baselines"]:
        raise DemoFailed("the job ended before it fitted the linear model")
    return dict(model["baselines"]["linear"]["metrics"])


def _save_picture(client: httpx.Client, model: dict[str, Any], name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / f"{name}.svg"
    path.write_bytes(_checked(client.get(f"/models/{model['id']}/plot.svg")).content)
    _say(f"picture:    {path.resolve()}")


@contextmanager
def _service() -> Iterator[httpx.Client]:
    """A client of a service that lives as long as the block, over a fresh folder, with no other settings."""
    with tempfile.TemporaryDirectory(prefix="kan-demo-") as folder, (Path(folder) / "log").open("w+b") as log:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KAN_")}
        try:
            with (
                embedded_service(environment | {"KAN_DATA_DIR": folder}, log) as url,
                httpx.Client(base_url=url, timeout=60) as client,
            ):
                _say(f"The service runs at {url}; its data are in {folder}.")
                yield client
        except BaseException:
            log.seek(0)
            typer.echo(log.read().decode(errors="replace"), err=True)
            raise


def _get(client: httpx.Client, path: str) -> dict[str, Any]:
    return dict(_checked(client.get(path)).json())


def _post(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    return dict(_checked(client.post(path, **body)).json())


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise DemoFailed(f"{response.request.method} {response.url.path} answered {response.text}")
    return response


def _title(text: str) -> None:
    typer.secho(f"\n{text}", bold=True)


def _say(text: str) -> None:
    typer.echo(f"  {text}")


if __name__ == "__main__":
    sys.exit(main())
