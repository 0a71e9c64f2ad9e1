"""Datasets and models by name, lists by filters over all pages, and the service in the environment."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.client import ApiError, AsyncClient, Client, Dataset
from service.db.session import Sessions
from tests.integration.service.client.conftest import QUICK, WITH_ONE_CLIENT, Way
from tests.support.factories import make_model

ROOT = Path(__file__).parents[4]
LINE = {"x1": [float(number) for number in range(30)], "x2": [2.0 * number for number in range(30)]}
NEEDED = ("httpx", "pydantic", "rich", "lazy_loader")  # as the guide names them
# Refuses every third-party package but those that the needed ones bring with them
WITHOUT_OTHERS = """
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
import re

def brought(names):
    found = set()
    while names:
        name = names.pop().lower().replace("_", "-")
        if name not in found:
            found.add(name)
            try:
                wanted = [need for need in requires(name) or [] if "extra ==" not in need]
            except PackageNotFoundError:  # of another system or another version of Python
                wanted = []
            names |= {re.match(r"[\\w.-]+", need).group() for need in wanted}
    return found

known = packages_distributions()
kept = brought(set(sys.argv[1].split(",")))
refused = {name for name, of in known.items() if not kept & {each.lower().replace("_", "-") for each in of}}
refused -= {"service"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
from service.client import AsyncClient, Client, JobFailed
client = Client.from_env()
client._http.build_request("GET", "/datasets")
print(sorted(set(sys.modules) & {"torch", "fastapi", "polars", "pandas", "numpy", "sqlalchemy", "sympy"}))
"""


@pytest.fixture
def name() -> str:
    return f"line {uuid4()}"


def test_a_name_means_its_newest_dataset(kan: Any, name: str) -> None:
    older, newer = kan.upload(LINE, name=name), kan.upload(LINE, name=name)
    assert kan.dataset(name) == newer
    assert kan.preview(name, limit=1).rows == [{"x1": 0.0, "x2": 0.0}]
    job = kan.submit(name, "x2")
    kan.cancel(job)
    assert (job.dataset_id, kan.dataset(older.id)) == (newer.id, older)


def test_a_name_that_no_dataset_has_is_refused_by_the_service(kan: Any) -> None:
    with pytest.raises(ApiError) as refused:
        kan.dataset("no such table")
    assert (refused.value.code, "'no such table'" in refused.value.detail) == ("dataset_not_found", True)


def test_a_dataset_changes_by_name(kan: Any, name: str) -> None:
    kan.upload(LINE, name=name)
    changed = kan.change_dataset(name, units={"x1": "m"}, types={"x2": "category"}, tags={"site": "north"})
    assert isinstance(changed, Dataset)
    assert (changed.units, changed.types, changed.tags) == (
        {"x1": "m"},
        {"x2": "category"},
        {"site": "north"},
    )
    assert kan.change_dataset(changed, name=f"{name} 2").name == f"{name} 2"


def test_lists_are_filtered_and_their_pages_joined(kan: Any, name: str) -> None:
    tables = [kan.upload(LINE, name=name) for _ in range(3)]
    kan.change_dataset(tables[1], tags={"site": name})
    begin = datetime.now(UTC) - timedelta(hours=1)
    ids = [each.id for each in tables]
    assert [each.id for each in kan.datasets(name, sort="oldest")] == ids
    assert [each.id for each in kan.datasets(tag=f"site={name}")] == ids[1:2]
    assert [each.id for each in kan.datasets(search=name[5:], since=begin)] == ids[::-1]
    assert list(kan.datasets(name, until=begin.isoformat())) == []


def test_a_time_without_a_zone_is_local(kan: Any, name: str) -> None:
    kan.upload(LINE, name=name)
    now = datetime.now()  # that is the point
    assert len(list(kan.datasets(name, since=now - timedelta(hours=1)))) == 1
    assert list(kan.datasets(name, since=now + timedelta(hours=1))) == []


@WITH_ONE_CLIENT
@pytest.mark.parametrize("limits", [replace(QUICK, max_page_items=2)])
def test_pages_are_requested_as_their_items_are_used(kan: Any, way: Way, name: str) -> None:
    for _ in range(5):
        kan.upload(LINE, name=name)
    way.requests.clear()
    assert len(list(islice(kan.datasets(name), 2))) == 2
    assert len(way.asked("GET /datasets")) == 1
    assert len(list(kan.datasets(name))) == 5
    assert len(way.asked("GET /datasets")) == 1 + 3


def test_jobs_are_found_by_what_they_use(kan: Any, sessions: Sessions, name: str) -> None:
    model = make_model(sessions, name=name)
    table = kan.upload(LINE, name=name)
    trained = kan.submit(table, "x2", name="mine", tags={"site": name})
    predicted = kan.submit(table, kind="predict", model=model.id)
    found = {
        "dataset": list(kan.jobs(dataset=name)),
        "kind": list(kan.jobs("queued", kind="predict", dataset=table)),
        "model": list(kan.jobs(model=name)),
        "tag": list(kan.jobs(tag=["site", f"site={name}"], name="mine")),
    }
    for job in (trained, predicted):
        kan.cancel(job)
    assert {what: [job.id for job in jobs] for what, jobs in found.items()} == {
        "dataset": [predicted.id, trained.id],
        "kind": [predicted.id],
        "model": [predicted.id],
        "tag": [trained.id],
    }


def test_models_are_found_by_their_dataset_and_target(kan: Any, sessions: Sessions, name: str) -> None:
    table = kan.upload(LINE, name=name)
    model = make_model(sessions, name=name, dataset_id=table.id)
    assert [each.id for each in kan.models(dataset=name)] == [model.id]
    assert [each.id for each in kan.models(name, target=model.target)] == [model.id]
    assert list(kan.models(name, target="other")) == []


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_the_environment_names_the_service_and_the_key(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANSERVICE_URL", "http://there:9000/kan")
    monkeypatch.setenv("KANSERVICE_KEY", "secret")
    http = kind.from_env()._http
    assert (str(http.base_url), http.headers["Authorization"]) == ("http://there:9000/kan/", "Bearer secret")
    monkeypatch.setenv("KANSERVICE_URL", "")
    monkeypatch.delenv("KANSERVICE_KEY")
    http = kind.from_env()._http
    assert (str(http.base_url), "Authorization" in http.headers) == ("http://127.0.0.1:8000", False)


def test_a_client_needs_few_packages_and_loads_no_others() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OTHERS, ",".join(NEEDED)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_naming_the_package_imports_no_other() -> None:
    code = "import sys, service.client; print(sorted({'httpx', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
