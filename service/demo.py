"""``make demo``: train two networks and find a formula over HTTP, in about a minute.

Starts ``kan-service serve`` on a free port over a fresh folder. Uploads samples of a known law and a
set of real measurements, trains with defaults, prints the results and stops everything. Exits with 0
only if the formula of the law is exact and the network predicts the measurements better than a linear
model, if the machine is not too busy to fit one in the job's time.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path

import numpy as np
import typer

from service.cli.support.embedded_service import run_embedded_service
from service.client import ApiError, Client, ClientError, Dataset, Job, Model, Progress

LAW = "exp(sin(pi*x1) + x2**2)"
AIRFOIL = files("service") / "examples" / "airfoil_self_noise.csv"
AIRFOIL_TARGET = "scaled_sound_pressure_level_db"
AIRFOIL_UNITS = {"frequency_hz": "Hz", "angle_of_attack_deg": "deg", "scaled_sound_pressure_level_db": "dB"}
PICTURE_FOLDER = Path("kan-demo")
AIRFOIL_MAX_SECONDS = 45  # short for a demo; a longer search gives a better network
JOB_TIMEOUT_S = 330  # a little more than a job's own default limit


class DemoFailed(Exception):
    """A step of the demo failed; the message says which."""


def main() -> int:
    """Run the demo; returns the exit code, 0 on success."""
    try:
        with run_service() as client:
            law, airfoil = _upload_law(client), _upload_airfoil(client)
            law_job = client.submit(law, "y")
            airfoil_job = client.submit(airfoil, AIRFOIL_TARGET, max_seconds=AIRFOIL_MAX_SECONDS)
            _show_law(client, law_job)
            _show_airfoil(client, airfoil_job, airfoil)
    except (DemoFailed, typer.Exit, ClientError) as error:
        typer.secho(f"\nThe demo failed: {error}", fg="red", err=True)
        return 1
    _print_title("The demo succeeded and the service is stopped. Next: make serve")
    return 0


def _show_law(client: Client, job: Job) -> None:
    """Raises ``DemoFailed`` unless the formula equals the law."""
    _print_title(f"A law: 1,000 samples of y = {LAW}")
    model = _wait_for_model(client, job)
    formula = client.symbolic(model)
    output = formula.outputs[0]
    _print_line(f"formula:    y = {output.expression}")
    _print_line(
        f"exact:      {'yes' if formula.exact else 'no'} (RMSE {output.rmse:.1e} on the hold-out rows)"
    )
    _show_metrics(model)
    _save_picture(client, model, "law")
    row = {"x1": 0.3, "x2": -0.7}
    value = client.predict(model, [row]).values[0]
    # The law itself, for comparison with the prediction of the network
    truth = float(np.exp(np.sin(np.pi * row["x1"]) + row["x2"] ** 2))
    _print_line(f"prediction: y = {value:.9f} at {row}; the law gives {truth:.9f}")
    if not formula.exact:
        raise DemoFailed(f"the formula is not exact: {output.expression}")


def _show_airfoil(client: Client, job: Job, dataset: Dataset) -> None:
    """Raises ``DemoFailed`` if the linear model is as good as the network: no law of these data is known."""
    _print_title("Measurements: the noise of 1,503 airfoils in a wind tunnel (NASA 1989, CC BY 4.0)")
    model = _wait_for_model(client, job)
    _show_metrics(model)
    with suppress(ApiError):  # there may be no formula
        output = client.symbolic(model).outputs[0]
        _print_line(f"formula:    {AIRFOIL_TARGET} ≈ {output.expression}")
        _print_line(f"            an approximation: R² {output.r2:.4f} on the hold-out rows")
    _save_picture(client, model, "airfoil")
    row = client.preview(dataset).rows[0]
    answer = client.predict(model, [row], interval=0.9)
    (value,), (interval,) = answer.values, answer.intervals or [None]
    low, high = interval or (None, None)
    interval_text = "no interval" if low is None or high is None else f"90 % interval {low:.1f} to {high:.1f}"
    _print_line(f"prediction: {value:.1f} dB, {interval_text}; measured {row[AIRFOIL_TARGET]}")
    # The measurements have no known formula, so a linear model is what the network must beat
    linear = model.baselines.get("linear")
    if linear is not None and (model.metrics["r2"] or 0) <= (linear["metrics"]["r2"] or 0):
        raise DemoFailed("the network does not beat the linear model")


def _upload_law(client: Client) -> Dataset:
    # Samples without noise, so that the exact formula fits them to rounding error
    x1, x2 = np.random.default_rng(0).uniform(-1, 1, size=(2, 1000))
    return client.upload({"x1": x1, "x2": x2, "y": np.exp(np.sin(np.pi * x1) + x2**2)}, name="law")


def _upload_airfoil(client: Client) -> Dataset:
    with AIRFOIL.open("rb") as file:
        return client.upload(file, name="airfoil", units=AIRFOIL_UNITS)


def _wait_for_model(client: Client, job: Job) -> Model:
    """Print each stage of a job when it begins, and return the model."""
    since, stage = time.monotonic(), None

    def print_stage(progress: Progress) -> None:
        nonlocal stage
        if progress.stage not in (stage, None):
            stage = progress.stage
            _print_line(f"{time.monotonic() - since:6.1f} s   {stage:<12} {progress.message or ''}".rstrip())

    final_job = client.wait(job, JOB_TIMEOUT_S, progress=print_stage)
    _print_line(f"{time.monotonic() - since:6.1f} s   {final_job.status}")
    return client.model(str(final_job.model_id))


def _show_metrics(model: Model) -> None:
    _print_line(f"network:    KAN{model.network.width}, {model.network.parameters} parameters")
    linear = model.baselines.get("linear")
    for name, metrics in (("network", model.metrics), ("linear", linear["metrics"] if linear else None)):
        if metrics is None:
            text = "not fitted: the machine is busy, and the time of the job was over before"
        else:
            text = f"R² {metrics['r2']:.4f}   RMSE {metrics['rmse']:.3g}"
        _print_line(f"hold-out:   {name:<8} {text}")


def _save_picture(client: Client, model: Model, name: str) -> None:
    PICTURE_FOLDER.mkdir(exist_ok=True)
    path = PICTURE_FOLDER / f"{name}.svg"
    client.plot(model, save=path)
    _print_line(f"picture:    {path.resolve()}")


@contextmanager
def run_service() -> Iterator[Client]:
    """Run a service with default settings over a fresh folder until the block ends; yields a client of it."""
    with tempfile.TemporaryDirectory(prefix="kan-demo-") as folder, (Path(folder) / "log").open("w+b") as log:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KAN_")}
        try:
            with (
                run_embedded_service(environment | {"KAN_DATA_DIR": folder}, log) as (url, _),
                Client(url) as client,
            ):
                _print_line(f"The service runs at {url}; its data are in {folder}.")
                yield client
        except BaseException:
            log.seek(0)
            typer.echo(log.read().decode(errors="replace"), err=True)
            raise


def _print_title(text: str) -> None:
    typer.secho(f"\n{text}", bold=True)


def _print_line(text: str) -> None:
    typer.echo(f"  {text}")


if __name__ == "__main__":
    sys.exit(main())
