"""An agent's way from a table to a formula, by the client of the protocol's own package on a real socket."""

import asyncio
import base64
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import httpx2
import jsonschema_rs
import pytest
from fastapi import FastAPI
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from service.api.mcp.server import INSTRUCTIONS, TOOLS, describe_tool
from service.api.mcp.tool import Tool
from service.api.routes.guide_pages import LANGUAGES, read_source
from service.caller import DEFAULT_TENANT, Caller, Scope
from service.db.repositories import Audit
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.main import create_app
from service.schemas.figures import LanguageName
from service.schemas.study import StudyRequest
from service.schemas.training import TrainRequest
from service.settings import Settings
from tests.support.factories import EDGES, make_model, make_predictor
from tests.support.servers import serving
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS

pytestmark = pytest.mark.usefixtures("small_dictionary", "no_suggestions")

ERAS = ("auto", "legacy")  # without a handshake, and with one
X = [i / 20 for i in range(60)]
LAW = {"name": "falling", "columns": {"t": X, "s": [4.905 * t * t for t in X]}, "units": {"t": "s", "s": "m"}}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@dataclass
class Place:
    """A service on a socket that asks for keys."""

    url: str
    app: FastAPI
    settings: Settings

    def key(self, *scopes: Scope, tenant: str = DEFAULT_TENANT) -> str:
        with self.app.state.sessions.begin() as session:
            return ApiKeys(session).add("an agent", tenant=tenant, scopes=scopes or tuple(Scope))[1]

    def of(self, tenant: str) -> Sessions:
        sessions: Sessions = self.app.state.sessions
        return sessions.restrict_to(Caller(tenant=tenant))

    @asynccontextmanager
    async def agent(self, key: str | None = None, mode: str = "auto") -> AsyncIterator[Client]:
        headers = {"Authorization": f"Bearer {key or self.key()}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{self.url}/mcp", http_client=http), mode=mode) as client,
        ):
            yield client

    def stdio(self, key: str) -> StdioServerParameters:
        """``kan-service mcp`` as a process."""
        environment = os.environ | {
            "PYTHONPATH": str(Path.cwd()),
            "KANSERVICE_URL": self.url,
            "KANSERVICE_KEY": key,
        }
        return StdioServerParameters(
            command=sys.executable, args=["-m", "service.cli", "mcp"], env=environment
        )

    async def work(self, job_id: str) -> None:
        """Have a worker do a job."""
        do = partial(
            run_job, job_id, None, self.app.state.sessions, self.settings, work_of=HANDLERS.__getitem__
        )
        await asyncio.to_thread(do)

    def post(self, key: str | None, **change: Any) -> httpx.Response:
        headers = ACCEPT | ({"Authorization": f"Bearer {key}"} if key else {})
        return httpx.post(f"{self.url}/mcp", **{"json": CALL, "headers": headers} | change)


@pytest.fixture(scope="module")
def place(new_settings: Callable[..., Settings]) -> Iterator[Place]:
    settings = new_settings(host="0.0.0.0", max_columns=100)
    app = create_app(settings)
    with serving(app) as url:
        yield Place(url, app, settings)


def played(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


async def result_of(client: Client, tool: str, **given: Any) -> dict[str, Any]:
    """What a call gives, which has to be as the tool promises."""
    answer = await client.call_tool(tool, given)
    assert not answer.is_error, answer.content
    assert isinstance(answer.structured_content, dict)
    return answer.structured_content


async def problem_of(client: Client, tool: str, **given: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, given)
    assert answer.is_error
    assert answer.structured_content is None  # some clients would compare it with the schema of a result
    return dict(httpx.Response(200, text=text_of(answer)).json())


def text_of(answer: CallToolResult) -> str:
    (content,) = answer.content
    assert content.type == "text"
    return content.text


@pytest.mark.parametrize("mode", ERAS)
def test_an_agent_gets_from_a_table_to_a_formula(place: Place, mode: str) -> None:
    async def scene() -> None:
        async with place.agent(place.key(tenant=f"lab {mode}"), mode) as client:
            dataset = await result_of(client, "upload_table", **LAW)
            described = await result_of(client, "describe_dataset", dataset_id=dataset["id"], max_rows=1)
            assert [column["unit"] for column in described["columns"]] == ["s", "m"]
            assert described["first_rows"] == [{"t": 0.0, "s": 0.0}]
            wishes = {"dataset_id": dataset["id"], "target": "s", "name": "fall", "baselines": []}
            job = await result_of(client, "train", **wishes)
            assert job["status"] == "queued"
            told: list[float] = []

            async def note(progress: float, total: float | None, message: str | None) -> None:
                told.append(progress)

            wait = {"job_id": job["id"], "max_seconds": 60}
            waiting = asyncio.create_task(client.call_tool("wait_for_job", wait, progress_callback=note))
            await place.work(job["id"])
            done = (await waiting).structured_content
            assert (done["status"], done["error"]) == ("succeeded", None)
            assert told == sorted(told)
            assert len(told) > 1
            formula = await result_of(client, "read_formula", model=done["model_id"], language="python")
            assert formula["verdict"] == "exact"
            assert formula["outputs"][0]["expression"] == "4.905*t**2"
            assert "def " in formula["code"]
            model = await result_of(client, "describe_model", model="fall")
            assert [feature["name"] for feature in model["features"]] == ["t"]
            predicted = await result_of(client, "predict", model="fall", rows=[{"t": 2.0}, {"t": 9.0}])
            assert predicted["predictions"][0] == pytest.approx(19.62)
            assert predicted["warnings"] == [{"row": 1, "column": "t", "code": "outside_training_range"}]
            measured = await result_of(client, "evaluate", model="fall", dataset_id=job["dataset_id"])
            assert (measured["verdict"], measured["rows"]) == ("holds", 60)
            for tool, id_ in (
                ("list_datasets", dataset["id"]),
                ("list_jobs", job["id"]),
                ("list_models", done["model_id"]),
            ):
                listed = await result_of(client, tool)
                assert ([item["id"] for item in listed["items"]], listed["has_more"]) == ([id_], False)
            picture = await client.call_tool("draw_plot", {"model": "fall", "plot": "parity", "width": 300})
            (image,) = picture.content
            assert image.type == "image"
            assert base64.b64decode(image.data).startswith(b"\x89PNG")

    played(scene())


def test_an_agent_does_with_a_model_what_the_page_does(place: Place) -> None:
    async def scene() -> None:
        async with place.agent(place.key(tenant="workshop")) as client:

            async def done(tool: str, **given: Any) -> dict[str, Any]:
                job = await result_of(client, tool, **given)
                await place.work(job["id"])
                ended = await result_of(client, "wait_for_job", job_id=job["id"])
                assert ended["status"] == "succeeded", ended["error"]
                return ended

            noisy = [4.905 * t * t + 2 + 0.05 * math.sin(40 * i * i) for i, t in enumerate(X)]
            table = {"t": X, "s": noisy, "sigma": [0.05] * len(X)}
            dataset = await result_of(client, "upload_table", columns=table, name="falling")
            wishes = {"features": ["t"], "target_error": "sigma", "form": "a*t**2 + c", "name": "fall"}
            wishes |= {"constants": {"a": {"min": 0}}, "bounds": {"min": 0}, "baselines": []}
            job = await done("train", dataset_id=dataset["id"], target="s", **wishes)
            trace = await result_of(client, "read_trace", job_id=job["id"])
            assert trace["steps"][0]["strategy"] == "client form"
            assert trace["ended"]
            formula = await result_of(client, "read_formula", model=job["model_id"])
            a, c = formula["form"]["constants"]
            assert (a["name"], a["value"], c["value"]) == (
                "a",
                pytest.approx(4.905, abs=0.05),
                pytest.approx(2, abs=0.1),
            )
            assert a["low"] < a["value"] < a["high"]
            output = formula["outputs"][0]
            assert all(constant["standard_error"] is not None for constant in output["constants"])
            assert output["max_error"] is not None
            assert formula["evidence"]["chi_square_per_dof"] is not None

            changed = await done("change_formula", model_id="fall", choose=0)
            version = await result_of(client, "describe_model", model=changed["model_id"])
            assert (version["name"], version["version"]) == ("fall", 2)
            again = await result_of(client, "read_formula", model=changed["model_id"])
            assert again["outputs"][0]["expression"] == output["pareto"][0]["expression"]

            predicted = await done("predict_table", model=job["model_id"], dataset_id=dataset["id"])
            result = await result_of(client, "read_result", job_id=predicted["id"], offset=58)
            assert result["row_count"] == 60
            assert [row["t"] for row in result["rows"]] == X[58:]
            assert result["rows"][0]["s_predicted"] == pytest.approx(noisy[58], abs=0.2)

            vary = {"network.grid": [3, 4]}
            small = {"network": {"hidden": []}, "symbolic": False, "baselines": [], "training": {"steps": 2}}
            study = await result_of(
                client, "run_study", dataset_id=dataset["id"], target="s", vary=vary, **small
            )
            cancelled = await result_of(client, "cancel_job", job_id=study["id"])
            assert (study["kind"], cancelled["status"]) == ("study", "cancelled")
            assert (await result_of(client, "retry_job", job_id=study["id"]))["retry_of"] == study["id"]

    played(scene())


def test_an_agent_reads_exports_names_and_compares_models(place: Place) -> None:
    shelf = place.of("shelf")
    models = [make_model(shelf, make_predictor(), name="law", edges=EDGES) for _ in range(2)]

    async def scene() -> None:
        async with place.agent(place.key(tenant="shelf")) as client:
            edges = await result_of(client, "read_edges", model="law", max_edges=1)
            (edge,) = edges["edges"]
            assert (edge["layer"], "sin" in edges["functions"]) == (0, True)
            assert not {"x", "y"} & edge.keys()
            exported = await client.call_tool("export_model", {"model": "law", "format": "onnx"})
            facts, file = exported.content
            assert len(base64.b64decode(file.resource.blob)) == json.loads(facts.text)["bytes"]
            exported = await client.call_tool("export_model", {"model": "law", "format": "python"})
            compile(exported.content[1].resource.text, "model.py", "exec")
            named = await result_of(client, "change_model", model=models[0].id, alias="best", tags={"a": "b"})
            assert named["aliases"] == ["best"]
            compared = await result_of(client, "compare_models", models=["law", "law@best"])
            assert [each["version"] for each in compared["models"]] == [2, 1]
            dataset = await result_of(client, "upload_table", **LAW)
            changes = {"name": "fall", "units": {"t": "ms"}, "types": {"t": "category"}}
            changed = await result_of(client, "change_dataset", dataset_id=dataset["id"], **changes)
            assert (changed["units"]["t"], changed["types"]) == ("ms", {"t": "category"})

    played(scene())


@pytest.mark.parametrize("mode", ERAS)
def test_an_agent_reads_the_guide_and_the_cards_of_models(place: Place, mode: str) -> None:
    async def scene() -> None:
        owner, stranger = (place.key(tenant=f"{name} {mode}") for name in ("cards", "stranger"))
        model = make_model(place.of(f"cards {mode}"), make_predictor(), name="own", edges=EDGES)
        async with place.agent(owner, mode) as client, place.agent(stranger, mode) as other:
            resources = {str(each.uri): each for each in (await client.list_resources()).resources}
            assert resources["kan://guide/en/agents"].title == "From an agent"
            assert {uri for uri in resources if "/models/" in uri} == {f"kan://models/{model.id}"}
            templates = (await client.list_resource_templates()).resource_templates
            assert {each.uri_template for each in templates} == {
                "kan://models/{model}",
                "kan://guide/{language}/{page}",
            }
            for uri, beginning in (
                (f"kan://models/{model.id}", "# Model `own`"),
                ("kan://models/own", "# Model `own`"),
                ("kan://guide/ru/agents", "# "),
            ):
                (content,) = (await client.read_resource(uri)).contents
                assert content.text.startswith(beginning), content.text[:80]
            assert not [
                each for each in (await other.list_resources()).resources if "/models/" in str(each.uri)
            ]
            for uri in (f"kan://models/{model.id}", "kan://guide/en/none", "file:///etc/passwd"):
                with pytest.raises(MCPError, match="there is no"):
                    await other.read_resource(uri)

    played(scene())


def test_progress_is_told_as_notifications_of_the_answer_to_a_call(place: Place) -> None:
    key = place.key(tenant="progress")

    async def scene() -> str:
        async with place.agent(key) as client:
            dataset = await result_of(client, "upload_table", **LAW)
            return str((await result_of(client, "train", dataset_id=dataset["id"], target="s"))["id"])

    job_id = asyncio.run(scene())
    params = {"name": "wait_for_job", "arguments": {"job_id": job_id, "max_seconds": 0.1}}
    params["_meta"] = {"progressToken": "mine"}
    answer = place.post(key, json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    told = [line["params"] for line in lines if line.get("method") == "notifications/progress"]
    assert [(each["progressToken"], each["progress"], each["total"]) for each in told] == [("mine", 0.0, 1.0)]
    assert lines[-1]["id"] == 1


@pytest.mark.parametrize("tool", ["train", "run_study"])
def test_a_training_has_the_schema_that_it_has_over_http(tool: str) -> None:
    request = {"train": TrainRequest, "run_study": StudyRequest}[tool]
    shown = describe_tool(TOOLS[tool]).input_schema["properties"]
    assert shown.keys() == request.model_json_schema()["properties"].keys()
    assert {
        "target_error",
        "constants",
        "per_group",
        "monotone",
        "bounds",
        "weight",
        "network",
    } <= shown.keys()


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_what_a_tool_tells_names_tools_and_no_routes(tool: Tool) -> None:
    assert re.findall(r"(?:GET|POST|PATCH|DELETE) /\S*", describe_tool(tool).model_dump_json()) == []


def test_an_agent_has_equations_solved(place: Place) -> None:
    async def scene() -> None:
        async with place.agent() as client:
            job = await result_of(
                client,
                "solve_equations",
                independent=["x"],
                unknowns=["y"],
                domain={"x": [0, 2]},
                equations=["y' = -y"],
                conditions=["y(0) = 1"],
            )
            await place.work(job["id"])
            done = await result_of(client, "wait_for_job", job_id=job["id"])
            formula = await result_of(client, "read_formula", model=done["model_id"])
            assert formula["outputs"][0]["expression"] == "exp(-x)"

    played(scene())


def test_tables_come_as_columns_rows_or_text_of_any_size(place: Place) -> None:
    rows = 70_000  # over 1 MiB: another process reads such a body

    async def scene() -> None:
        async with place.agent(place.key(tenant="tables")) as client:
            for table, count in (
                ({"rows": [{"x": 1}, {"x": None}]}, 2),
                ({"csv": "x;y\n1,5;2\n2,5;3\n"}, 2),
                ({"csv": "x,y\n" + "".join(f"{i}.25,{i}.5\n" for i in range(rows))}, rows),
            ):
                assert (await result_of(client, "upload_table", **table))["rows"] == count
            page = await result_of(client, "list_datasets", limit=2)
            assert page["has_more"]
            rest = await result_of(client, "list_datasets", after=page["items"][-1]["id"])
            assert [item["rows"] for item in rest["items"]] == [2]

    played(scene())


def test_a_job_is_cancelled_and_waiting_for_it_ends(place: Place) -> None:
    async def scene() -> None:
        async with place.agent() as client:
            dataset = await result_of(client, "upload_table", **LAW)
            job = await result_of(client, "train", dataset_id=dataset["id"], target="s")
            assert (await result_of(client, "wait_for_job", job_id=job["id"], max_seconds=0))[
                "status"
            ] == "queued"
            assert (await result_of(client, "cancel_job", job_id=job["id"]))["status"] == "cancelled"
            assert (await result_of(client, "wait_for_job", job_id=job["id"]))["status"] == "cancelled"
            again = await problem_of(client, "cancel_job", job_id=job["id"])
            assert again["code"] == "job_already_finished"

    played(scene())


@pytest.mark.parametrize(
    ("tool", "given", "code", "place_of_it"),
    [
        ("describe_dataset", {"dataset_id": "none"}, "dataset_not_found", None),
        ("train", {"dataset_id": "none", "target": "y"}, "dataset_not_found", None),
        ("train", {"dataset_id": "none", "target": "y", "network": {"grid": "x"}}, "validation_failed", None),
        ("upload_table", {"columns": {"x": [1]}, "csv": "x\n1\n"}, "validation_failed", None),
        ("upload_table", {"csv": "x" * 3 + ",x" * 200 + "\n"}, "too_many_columns", None),
        ("wait_for_job", {"job_id": "none", "max_seconds": 61}, "validation_failed", "#/max_seconds"),
        ("wait_for_job", {"job_id": "none"}, "job_not_found", None),
        ("draw_plot", {"model": "none", "plot": "none"}, "validation_failed", "#/plot"),
        ("read_formula", {"model": "none"}, "model_not_found", None),
        ("predict", {"model": "none", "rows": []}, "validation_failed", "#/rows"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_to_do(
    place: Place, tool: str, given: dict[str, Any], code: str, place_of_it: str | None
) -> None:
    async def scene() -> None:
        async with place.agent() as client:
            problem = await problem_of(client, tool, **given)
        assert problem["code"] == code
        assert problem["detail"]
        assert problem["remedy"]
        assert not re.search("(GET|POST) /", str(problem))
        if place_of_it:
            assert [entry["pointer"] for entry in problem["errors"]] == [place_of_it]

    played(scene())


def test_an_unexpected_error_keeps_its_text_to_the_log(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("secret")

    monkeypatch.setattr("service.operations.datasets.preview", fail)

    async def scene() -> None:
        async with place.agent() as client:
            dataset = await result_of(client, "upload_table", columns={"x": [1, 2]})
            problem = await problem_of(client, "describe_dataset", dataset_id=dataset["id"])
        assert problem["code"] == "internal_error"
        assert "secret" not in str(problem)

    played(scene())


def test_a_tool_that_does_not_exist_is_an_error_of_the_protocol(place: Place) -> None:
    async def scene() -> None:
        async with place.agent() as client:
            with pytest.raises(MCPError, match="there is no tool 'forge'"):
                await client.call_tool("forge", {})

    played(scene())


@pytest.mark.parametrize("scope", Scope)
def test_a_key_is_offered_the_tools_that_it_opens_and_refused_the_others(place: Place, scope: Scope) -> None:
    async def scene() -> None:
        async with place.agent(place.key(scope)) as client:
            offered = {tool.name for tool in (await client.list_tools()).tools}
            for tool in TOOLS.values():
                assert (tool.name in offered) is (scope in tool.scopes or scope is Scope.ADMIN)
                problem = await problem_of(client, tool.name, nothing=1)
                assert (problem["code"] == "scope_missing") is (tool.name not in offered)

    played(scene())


def test_what_another_tenant_owns_does_not_exist(place: Place) -> None:
    async def scene() -> None:
        owner = place.key(tenant="owner")
        async with place.agent(owner) as client, place.agent(place.key(tenant="stranger")) as stranger:
            dataset = await result_of(client, "upload_table", **LAW)
            job = await result_of(client, "train", dataset_id=dataset["id"], target="s")
            model = make_model(place.of("owner"), make_predictor(), name="own", edges=EDGES)
            for tool, given in (
                ("describe_dataset", {"dataset_id": dataset["id"]}),
                ("train", {"dataset_id": dataset["id"], "target": "s"}),
                ("wait_for_job", {"job_id": job["id"], "max_seconds": 0}),
                ("cancel_job", {"job_id": job["id"]}),
                ("describe_model", {"model": model.id}),
                ("describe_model", {"model": "own"}),
                ("read_formula", {"model": model.id}),
                ("predict", {"model": model.id, "rows": [{"x1": 0.0, "x2": 0.0}]}),
                ("evaluate", {"model": model.id, "rows": [{"x1": 0.0, "x2": 0.0, "y": 0.0}]}),
                ("draw_plot", {"model": model.id}),
                ("change_dataset", {"dataset_id": dataset["id"], "name": "mine"}),
                ("change_formula", {"model_id": model.id, "choose": 0}),
                ("predict_table", {"model": model.id, "dataset_id": dataset["id"]}),
                ("run_study", {"dataset_id": dataset["id"], "target": "s", "vary": {"seed": [0, 1]}}),
                ("retry_job", {"job_id": job["id"]}),
                ("read_result", {"job_id": job["id"]}),
                ("read_trace", {"job_id": job["id"]}),
                ("read_edges", {"model": model.id}),
                ("export_model", {"model": model.id}),
                ("change_model", {"model": model.id, "alias": "mine"}),
                ("compare_models", {"models": [model.id, "own"]}),
            ):
                assert (await problem_of(stranger, tool, **given))["code"].endswith("_not_found"), tool
            for tool in ("list_datasets", "list_jobs", "list_models"):
                assert len((await result_of(client, tool))["items"]) == 1
                assert (await result_of(stranger, tool))["items"] == []

    played(scene())


def test_changes_are_in_the_audit_log_under_the_key(place: Place) -> None:
    async def scene() -> None:
        async with place.agent(place.key(tenant="audited")) as client:
            await result_of(client, "upload_table", **LAW)

    played(scene())
    with place.of("audited").read() as session:
        (entry,) = Audit(session).page(limit=10)
    assert (entry.action, entry.key_name) == ("dataset.add", "an agent")


def test_without_a_key_there_is_no_answer(place: Place) -> None:
    for key, code in ((None, "key_required"), ("kan_none", "invalid_key")):
        answer = place.post(key)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["www-authenticate"] == "Bearer"


def test_answers_have_the_headers_of_all_others(place: Place) -> None:
    answer = place.post(place.key())
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["ratelimit"]
    assert "mcp-session-id" not in answer.headers


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"content": b'{"id": 1}', "json": None}, 415, "unsupported_media_type"),
        ({"json": []}, 422, "validation_failed"),
    ],
)
def test_bodies_are_read_as_strictly_as_all_others(
    place: Place, change: dict[str, Any], status: int, code: str
) -> None:
    answer = place.post(place.key(), **change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_number_that_json_does_not_have_is_refused_before_any_tool_sees_it(place: Place) -> None:
    headers = ACCEPT | {"Authorization": f"Bearer {place.key()}", "Content-Type": "application/json"}
    answer = httpx.post(f"{place.url}/mcp", content=b'{"id": NaN}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "not_a_number")


WRONG_MESSAGES: dict[str, dict[str, Any]] = {
    "an object": {"id": {"a": 1}},
    "a list": {"id": [1]},
    "a boolean": {"id": True},
    "a fraction": {"id": 1.5},
    "null": {"id": None},
    "no version": {"jsonrpc": "1.0"},
    "a method that is a number": {"method": 1},
    "arguments in a list": {"params": [1]},
}


@pytest.mark.parametrize("change", WRONG_MESSAGES.values(), ids=WRONG_MESSAGES.keys())
def test_a_message_that_is_no_json_rpc_is_refused_at_once(place: Place, change: dict[str, Any]) -> None:
    answer = place.post(place.key(), json=CALL | change)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32600
    assert answer.json()["error"]["message"]
    assert answer.json()["id"] == (None if "id" in change else 1)


def test_a_message_without_a_method_is_refused_unless_it_is_an_answer(place: Place) -> None:
    key = place.key()
    assert place.post(key, json={"jsonrpc": "2.0", "id": 1}).status_code == 400
    assert place.post(key, json={"jsonrpc": "2.0", "id": 1, "result": {}}).status_code == 202


def test_pages_of_other_sites_are_refused(place: Place) -> None:
    headers = ACCEPT | {"Authorization": f"Bearer {place.key()}", "Origin": "https://evil.example"}
    answer = place.post(None, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_neither_a_stream_nor_a_session_to_ask_for(place: Place, method: str) -> None:
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {place.key()}"}
    answer = httpx.request(method, f"{place.url}/mcp", headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_a_client_can_read_the_schemas_of_every_tool(tool: Tool) -> None:
    listed = describe_tool(tool)
    for schema in (listed.input_schema, listed.output_schema):
        if schema is not None:
            jsonschema_rs.Draft202012Validator(schema)
            assert schema["type"] == "object"
            assert not {"oneOf", "anyOf", "allOf"} & schema.keys()  # models refuse them at the top
    assert listed.description
    assert len(listed.description) < 300
    assert listed.title


def test_the_instructions_name_tools_that_exist() -> None:
    named = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", INSTRUCTIONS)) - {"dataset_id", "model_id"}
    assert named <= TOOLS.keys()
    assert len(named) > 5


@pytest.mark.parametrize("mode", ERAS)
def test_an_agent_that_starts_a_program_has_the_same_tools(place: Place, mode: str) -> None:
    async def scene() -> None:
        key = place.key(Scope.READ, Scope.TRAIN, tenant=f"stdio {mode}")
        async with Client(place.stdio(key), mode=mode) as client, place.agent(key) as directly:
            assert client.instructions == INSTRUCTIONS
            offered = [tool.name for tool in (await client.list_tools()).tools]
            assert offered == [tool.name for tool in (await directly.list_tools()).tools]
            dataset = await result_of(client, "upload_table", **LAW)
            listed = await result_of(directly, "list_datasets")
            assert [item["id"] for item in listed["items"]] == [dataset["id"]]
            resources = [str(each.uri) for each in (await client.list_resources()).resources]
            assert "kan://guide/en/reading" in resources
            assert (await client.read_resource("kan://guide/en/reading")).contents[0].text.startswith("# ")
            assert len((await client.list_resource_templates()).resource_templates) == 2
            problem = await problem_of(client, "predict", model="none", rows=[{"x": 1}])
            assert problem["code"] == "scope_missing"
            told: list[float | None] = []

            async def note(progress: float, total: float | None, message: str | None) -> None:
                told.append(total)

            job = await result_of(client, "train", dataset_id=dataset["id"], target="s")
            wait = {"job_id": job["id"], "max_seconds": 0.1}
            await client.call_tool("wait_for_job", wait, progress_callback=note)
            assert told == [1.0]

    played(scene())


@pytest.mark.parametrize(
    ("address", "key", "reason"),
    [("http://127.0.0.1:9", "", "there is no service at"), (None, "kan_none", "this key is unknown")],
)
def test_the_command_says_why_it_cannot_start(
    place: Place, address: str | None, key: str, reason: str
) -> None:
    parameters = place.stdio(key)
    environment = (parameters.env or {}) | {"KANSERVICE_URL": address or place.url}
    command = [parameters.command, *parameters.args]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr


@pytest.mark.parametrize("module", ["service.cli", "service.main", "worker.__main__"])
def test_who_does_not_speak_the_protocol_does_not_import_it(module: str) -> None:
    script = f"import {module}, sys; sys.exit(any(name in sys.modules for name in ('mcp', 'mcp_types')))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guide_lists_every_tool_with_its_scopes(language: LanguageName) -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", read_source("agents", language), flags=re.MULTILINE)
    assert {name: set(re.findall("[a-z]+", scopes)) - {"or"} for name, scopes in rows} == {
        name: set(tool.scopes) for name, tool in TOOLS.items()
    }
