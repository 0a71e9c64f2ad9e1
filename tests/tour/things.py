"""Through all that there is: datasets, jobs, models, predictions, and what becomes of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from service.db.session import Sessions
from service.db.tables import Worker
from service.schemas.equations import EXAMPLE_REQUEST
from tests.tour.noting import Document, Tour


def see_health(tour: Tour, sessions: Sessions) -> None:
    """Before there is a worker, and with one."""
    tour.call("GET", "/health/live")
    tour.call("GET", "/v2/health/live")
    tour.refused("GET", "/health/ready", "not_ready")
    tour.refused("GET", "/v2/health/ready", "not_ready")
    with sessions.begin() as session:
        far = datetime.now(UTC) + timedelta(days=1)
        session.add(Worker(id="w", host="h", pid=1, slots=1, seen_at=far))
    tour.call("GET", "/health/ready")
    tour.call("GET", "/v2/health/ready")


def law_table() -> str:
    """y = exp(sin(pi*x1) + x2**2) as CSV."""
    x1, x2 = np.random.default_rng(0).uniform(-1, 1, (2, 300)).round(4)
    rows = zip(x1, x2, np.exp(np.sin(np.pi * x1) + x2**2), strict=True)
    return "x1,x2,y\n" + "".join(f"{a},{b},{float(c)!r}\n" for a, b, c in rows)


def see_datasets(tour: Tour) -> Document:
    """A dataset from a file and one from JSON."""
    file = ("law.csv", law_table())
    dataset = tour.call("POST", "/datasets", files={"file": file}, data={"name": "a law"}).json()
    of = {"dataset_id": dataset["id"]}
    columns = {"x1": [0.3, -0.2, 3.0], "x2": [-0.7, 0.1, 0.0]}
    small = tour.call(
        "POST", "/datasets", json={"name": "new rows", "columns": columns}, title="columns"
    ).json()
    rows = {"rows": [{"time": 0.0, "height": 0.0}, {"time": 1.0, "height": 4.9}], "units": {"height": "m"}}
    tour.call("POST", "/datasets", json=rows, title="rows, with a unit")
    tour.call("GET", "/datasets", params={"limit": 1})
    tour.call("GET", "/datasets/{dataset_id}", of=of)
    tour.call("GET", "/datasets/{dataset_id}/preview", of=of, params={"limit": 2})
    tour.call("GET", "/datasets/{dataset_id}/sample", of=of, params={"limit": 2})
    changes = {"name": "a law", "tags": {"lab": "north"}}
    tour.call("PATCH", "/datasets/{dataset_id}", of=of, json=changes, title="name and tags")
    tour.refused("PATCH", "/datasets/{dataset_id}", "unknown_column", of=of, json={"types": {"z": "number"}})
    tour.call("GET", "/datasets/{dataset_id}/content", of=of)
    for code, text in {
        "ragged_rows": "a,b\n1,2\n1,2,3\n",
        "column_names": "a,a\n1,2\n",
        "empty_file": "",
    }.items():
        tour.refused("POST", "/datasets", code, files={"file": ("table.csv", text)})
    return {"dataset_id": dataset["id"], "new_rows": small["id"]}


def see_jobs(tour: Tour, ids: Document, work: Callable[[], None]) -> Document:
    """A training, a change of its formula, predictions of a table, and a study."""
    train = {"dataset_id": ids["dataset_id"], "target": "y", "name": "law"}
    job = tour.call("POST", "/jobs", json=train, title="train, all else by default").json()
    tour.refused("DELETE", "/jobs/{job_id}", "job_not_finished", of={"job_id": job["id"]})
    tour.refused("DELETE", "/datasets/{dataset_id}", "dataset_in_use", of=ids)
    work()
    of = {"job_id": job["id"]}
    model = tour.call("GET", "/jobs/{job_id}", of=of).json()["model_id"]
    tour.call("GET", "/jobs/{job_id}/events", of=of)
    tour.call("GET", "/jobs/{job_id}/events", of=of, headers={"Accept": "text/event-stream"})
    tour.call("GET", "/jobs/{job_id}/trace", of=of)
    tour.refused("POST", "/jobs/{job_id}/cancel", "job_already_finished", of=of)
    tour.refused("GET", "/jobs/{job_id}/result", "no_result", of=of)
    see_other_kinds(tour, ids, work)
    for code, change in {
        "unknown_column": {"target": "z"},
        "invalid_type": {"types": {"x1": "boolean"}},
        "max_seconds_too_large": {"max_seconds": 1e6},
        "cost_too_high": {"network": {"hidden": [100_000]}},
        "dataset_not_found": {"dataset_id": "nothing"},
        "model_not_found": {"kind": "symbolic", "model_id": "nothing", "drop": ["x2"]},
    }.items():
        body = change if change.get("kind") else train | change
        tour.refused("POST", "/jobs", code, json=body)
    headers = {"Idempotency-Key": "my training"}
    tour.client.post("/jobs", json=train, headers=headers)
    tour.refused("POST", "/jobs", "idempotency_key_reused", json=train | {"seed": 1}, headers=headers)
    tour.call("GET", "/jobs", params={"status": "succeeded", "limit": 1})
    return ids | of | {"model_id": model}


def see_other_kinds(tour: Tour, ids: Document, work: Callable[[], None]) -> None:
    full = {
        "dataset_id": ids["dataset_id"],
        "target": "y",
        "features": ["x1", "x2"],
        "seed": 1,
        "max_seconds": 60,
    }
    mlp = {"kind": "mlp", "parameters": "matched"}
    full |= {"network": {"hidden": [2], "grid": 5}, "baselines": ["linear", mlp, "boosting"]}
    full |= {"tags": {"try": "2"}}
    tour.call("POST", "/jobs", json=full, title="train, with some settings")
    change = {"kind": "symbolic", "model_id": "law", "forbid": ["cos"]}
    tour.call("POST", "/jobs", json=change, title="symbolic: another formula of a model")
    batch = {
        "kind": "predict",
        "model": "law",
        "dataset_id": ids["new_rows"],
        "format": "csv",
        "interval": 0.9,
    }
    job = tour.call("POST", "/jobs", json=batch, title="predict: a whole dataset").json()
    work()
    tour.call("GET", "/jobs/{job_id}/result", of={"job_id": job["id"]})
    see_equations(tour, work)
    see_study(tour, ids, work)


def see_equations(tour: Tour, work: Callable[[], None]) -> None:
    """One that is solved, and some that pose no problem."""
    tour.call("POST", "/jobs", json=EXAMPLE_REQUEST, title="solve: a differential equation")
    work()
    changes: dict[str, Document] = {
        "invalid_equation": {"equations": ["Derivative(y(x), x) + z(x)"]},
        "too_few_conditions": {"conditions": []},
        "invalid_domain": {"domain": {"x": [5, 0]}},
    }
    for code, change in changes.items():
        tour.refused("POST", "/jobs", code, json=EXAMPLE_REQUEST | change)


def see_study(tour: Tour, ids: Document, work: Callable[[], None]) -> None:
    """One that ends, with its pictures, and one that is cancelled, retried and deleted."""
    quick = {"network": {"hidden": []}, "training": {"steps": 5}, "symbolic": False, "baselines": False}
    study = {
        "kind": "study",
        "dataset_id": ids["dataset_id"],
        "target": "y",
        "vary": {"network.grid": [3, 10]},
    }
    job = tour.call("POST", "/jobs", json=study | quick, title="study: several settings").json()
    tour.call(
        "POST", "/jobs", json=study | quick | {"refine": True}, title="study: one network, finer and finer"
    )
    of = {"job_id": job["id"], "study_plot": "error_by_grid"}
    tour.refused("GET", "/jobs/{job_id}/plots/{study_plot}.svg", "no_plot", of=of)
    tour.refused("GET", "/jobs/{job_id}/plots/{study_plot}.png", "no_plot", of=of)
    work()
    tour.call("GET", "/jobs/{job_id}/plots/{study_plot}.svg", of=of)
    tour.call("GET", "/jobs/{job_id}/plots/{study_plot}.png", of=of)
    another = {"job_id": tour.client.post("/jobs", json=study).json()["id"]}
    tour.refused("POST", "/jobs/{job_id}/retry", "job_not_finished", of=another)
    tour.call("POST", "/jobs/{job_id}/cancel", of=another)
    tour.call("POST", "/jobs/{job_id}/retry", of=another)
    tour.call("DELETE", "/jobs/{job_id}", of=another)


def see_models(tour: Tour, ids: Document) -> None:
    """What there is of a model, and what it predicts."""
    of, law = {"model_id": ids["model_id"]}, {"model_id": "law"}
    tour.call("GET", "/models", params={"name": "law"})
    tour.call("GET", "/models/{model_id}", of=law)
    tour.call("PATCH", "/models/{model_id}", of=of, json={"alias": "live", "tags": {"checked by": "me"}})
    tour.refused(
        "PATCH", "/models/{model_id}", "model_changed", of=of, json={}, headers={"If-Match": '"old"'}
    )
    tour.refused("DELETE", "/models/{model_id}", "model_changed", of=of, headers={"If-Match": '"old"'})
    tour.call("GET", "/aliases", params={"name": "law"})
    tour.call("GET", "/models/compare", params={"ids": "law@live,law"})
    tour.refused("GET", "/models/compare", "wrong_number_of_models", params={"ids": "law"})
    tour.refused("GET", "/models/compare", "model_not_found", params={"ids": "law,nothing"})
    tour.call("GET", "/models/{model_id}/card", of=law)
    tour.call("GET", "/models/{model_id}/card", of=law, params={"format": "markdown"})
    tour.call("GET", "/formats")
    lines = {"equations": ["d2u/dx2 = -4*u"], "conditions": ["u(0) = 1", "u(1) = 2u"]}
    tour.call("POST", "/formats/equations", json={"independent": ["x"], "unknowns": ["u"], **lines})
    tour.call("GET", "/models/{model_id}/symbolic", of=law)
    tour.call("GET", "/models/{model_id}/symbolic", of=law, params={"format": "sql"})
    tour.call("GET", "/models/{model_id}/edges", of=law)
    tour.call("GET", "/models/{model_id}/rows", of=law, params={"limit": 3})
    see_pictures(tour, law | {"plot": "effects"})
    tour.call("GET", "/models/{model_id}/export", of=law, params={"format": "python"})
    exported = tour.call("GET", "/models/{model_id}/export", of=law).content
    files = {"file": ("law.safetensors", exported)}
    tour.call("POST", "/models/import", files=files, data={"name": "copy"})
    tour.refused("POST", "/models/import", "artifact_error", files={"file": ("law.safetensors", b"no model")})
    for path in ("figures", "plots/{plot}.svg", "plots/{plot}.png"):
        from_a_file = {"model_id": "copy", "plot": "effects"}
        tour.refused("GET", f"/models/{{model_id}}/{path}", "no_figures", of=from_a_file)
    tour.call("GET", "/audit", params={"limit": 2})
    tour.call("GET", "/usage")
    tour.call("GET", "/metrics")
    see_predictions(tour, law)


def see_pictures(tour: Tour, of: Document) -> None:
    """The network and what it learnt, as pictures and as numbers."""
    tour.call("GET", "/models/{model_id}/figures", of=of)
    for path in ("plot", "plots/{plot}"):
        tour.call("GET", f"/models/{{model_id}}/{path}.svg", of=of)
        tour.call("GET", f"/models/{{model_id}}/{path}.png", of=of, params={"width": 400})
    for ending in ("svg", "png"):
        path = f"/models/{{model_id}}/plots/{{plot}}.{ending}"
        tour.refused("GET", path, "plot_not_found", of=of | {"plot": "nothing"})


def see_predictions(tour: Tour, law: Document) -> None:
    rows = {"rows": [{"x1": 0.3, "x2": -0.7}, {"x1": 3, "x2": 0}], "interval": 0.9}
    columns = {"columns": {"x1": [0.3, 3], "x2": [-0.7, 0]}}
    wrong: Document = {
        "missing_columns": {"rows": [{"x1": 0.3}]},
        "unknown_columns": {"rows": [{"x1": 0.3, "x2": -0.7, "x3": 0}]},
        "invalid_values": {"rows": [{"x1": "much", "x2": -0.7}]},
        "unequal_columns": {"columns": {"x1": [0.3, 3], "x2": [-0.7]}},
        "too_many_rows": {"columns": {"x1": [0.3] * 1_001, "x2": [0.3] * 1_001}},
        "no_interval": {"rows": [{"x1": 0.3, "x2": -0.7}], "interval": 0.9999},
    }
    for path, of, more in (("/predict", None, {"model": "law"}), ("/models/{model_id}/predict", law, {})):
        tour.call("POST", path, of=of, json=more | rows, title="rows, with intervals")
        tour.call("POST", path, of=of, json=more | columns, title="columns")
        for code, body in wrong.items():
            tour.refused("POST", path, code, of=of, json=more | body)
    tour.refused("POST", "/predict", "model_not_found", json=rows | {"model": "nothing"})


def see_evaluations(tour: Tour, ids: Document) -> None:
    """A model on labelled rows, and the contributions to a prediction."""
    law, path = {"model_id": "law"}, "/models/{model_id}/evaluate"
    tour.refused(
        "GET", "/models/{model_id}/plots/{plot}.svg", "no_evaluations", of=law | {"plot": "evaluations"}
    )
    tour.call("POST", path, of=law, json={"dataset_id": ids["dataset_id"]}, title="a dataset")
    rows = [{"x1": 0.5, "x2": 0.0, "y": 2.7183}, {"x1": 0.0, "x2": 1.0, "y": 2.7183}]
    tour.call("POST", path, of=law, json={"rows": rows, "by": "compact"}, title="rows, and a member")
    wrong: Document = {
        "dataset_not_found": {"dataset_id": "nothing"},
        "missing_columns": {"rows": [{"x1": 0.5, "y": 1.0}]},
        "missing_target": {"dataset_id": ids["new_rows"]},
        "unknown_columns": {"rows": [{"x1": 0.5, "x2": 0.0, "x3": 0.0, "y": 1.0}]},
    }
    for code, body in wrong.items():
        tour.refused("POST", path, code, of=law, json=body)
    tour.call("GET", "/models/{model_id}/evaluations", of=law, params={"limit": 1})
    tour.call("GET", "/models/{model_id}/plots/{plot}.svg", of=law | {"plot": "evaluations"})
    explained = {"rows": [{"x1": 0.3, "x2": -0.7}], "explain": True}
    tour.call("POST", "/predict", json=explained | {"model": "law"}, title="with contributions")
    tour.refused(
        "POST", "/models/{model_id}/predict", "no_explanation", of={"model_id": "copy"}, json=explained
    )
    models = tour.client.get("/models").json()["items"]
    solution = {"model_id": next(model["id"] for model in models if model["task"] == "equation")}
    tour.refused("POST", path, "not_evaluable", of=solution, json={"rows": rows})


def see_protocol(tour: Tour) -> None:
    """The Open Inference Protocol."""
    matrix = {"name": "rows", "shape": [1, 2], "datatype": "FP64", "data": [0.3, -0.7]}
    column = {"name": "x1", "shape": [1], "datatype": "FP64", "data": [0.3]}
    tour.call("GET", "/v2")
    tour.call("POST", "/v2/repository/index")
    for ending in ("load", "unload"):
        tour.call("POST", f"/v2/repository/models/{{name}}/{ending}", of={"name": "law"})
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        of = {"name": "law", "version": "1"}
        for ending in ("", "/ready", "/stats"):
            tour.call("GET", path + ending, of=of)
        tour.call("POST", f"{path}/infer", of=of, json={"inputs": [matrix]}, title="one matrix")
        two = [column, column | {"name": "x2"}]
        tour.call("POST", f"{path}/infer", of=of, json={"inputs": two}, title="a tensor for each column")
        tour.refused("POST", f"{path}/infer", "missing_columns", of=of, json={"inputs": [column]})
        tour.refused(
            "POST", f"{path}/infer", "invalid_tensor", of=of, json={"inputs": [matrix | {"shape": [9, 2]}]}
        )


def see_ends(tour: Tour, ids: Document) -> None:
    """What is deleted, and what is added once more and not needed."""
    file = ("law.csv", law_table())
    again = tour.call("POST", "/datasets/upload", files={"file": file}, data={"name": "a law"}).json()
    tour.refused("POST", "/datasets/upload", "unsupported_media_type", json={"columns": {"x": [1, 2]}})
    tour.client.delete(f"/datasets/{again['id']}")
    copy = tour.client.get("/models/copy").json()["id"]
    tour.call("DELETE", "/models/{model_id}", of={"model_id": copy})
    tour.call("DELETE", "/datasets/{dataset_id}", of={"dataset_id": ids["new_rows"]})


def see_webhooks(tour: Tour, ids: Document) -> None:
    """The secret, a job with a webhook, and its message, which no worker sends."""
    job = {"dataset_id": ids["dataset_id"], "target": "y", "webhook": {"url": "https://example.com/hooks"}}
    tour.refused("GET", "/webhooks/secret", "webhook_secret_not_found")
    tour.refused("POST", "/jobs", "webhook_secret_missing", json=job)
    tour.call("POST", "/webhooks/secret", json={"overlap_hours": 24})
    tour.call("GET", "/webhooks/secret")
    inside = {"url": "https://169.254.169.254/"}
    tour.refused("POST", "/jobs", "webhook_url_refused", json=job | {"webhook": inside})
    added = tour.call("POST", "/jobs", json=job, title="train, with a webhook").json()
    tour.client.post(f"/jobs/{added['id']}/cancel")
    page = tour.call("GET", "/webhooks/deliveries", params={"job_id": added["id"]}).json()
    of = {"delivery_id": page["items"][0]["id"]}
    tour.call("GET", "/webhooks/deliveries/{delivery_id}", of=of)
    tour.call("POST", "/webhooks/deliveries/{delivery_id}/redeliver", of=of)


def see_next_rows(tour: Tour) -> None:
    """Rows to measure next."""
    law, path = {"model_id": "law"}, "/models/{model_id}/next_rows"
    body = {"count": 2, "within": {"x1": [0.0, 0.5]}, "fixed": {"x2": 0.25}}
    tour.call("POST", path, of=law, json=body, title="within limits")
    tour.refused("POST", path, "invalid_values", of=law, json={"within": {"x3": [0, 1]}})
