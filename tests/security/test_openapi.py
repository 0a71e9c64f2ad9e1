"""The service keeps to its OpenAPI document, whatever is sent to it.

Schemathesis makes the requests from the document: its examples, the edges of every schema and what lies
beyond them, and random ones. They go to a real server, mostly with ids of what is there.
"""

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario

from kan_engine.expressions.evaluation import Variable, to_json
from service.api.http.limits import DEFAULT_LIMITS
from service.caller import DEFAULT_TENANT, LOCAL_CALLER, Scope
from service.db.repositories import Jobs
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.db.tables import Worker
from service.main import create_app
from service.schemas.training import TrainRequest
from service.settings import Settings
from tests.support.factories import (
    EDGES,
    FIGURES,
    make_delivery,
    make_job,
    make_model,
    make_predictor,
    start_job,
)
from tests.support.openapi import openapi_document
from tests.support.servers import serving

SCHEMA = schemathesis.pytest.from_fixture("schema")
WITHOUT_KEY = schemathesis.pytest.from_fixture("schema_without_key").exclude(path_regex=r"^/(v2/)?health/")
EVENTS = "/jobs/{job_id}/events"
TABLE = {name: [float(i * power) for i in range(40)] for power, name in enumerate(("x1", "x2", "y"), start=1)}
FORMULA = {"name": "y", "expression": "x1", "latex": "x_1", "symbols": {}, "complexity": 1, "domain": {}}
ERRORS = {"r2": 1.0, "rmse": 0.0, "max_error": 0.0, "pareto": []}
SYMBOLIC = {"exact": True, "outputs": [FORMULA | ERRORS | {"tree": to_json(Variable("x1"))}]}
FIELD = re.compile(r"Object with valid '(\w+)'|(\w+)(?: ->|:)")  # as schemathesis names what it varies

few = settings(
    max_examples=3, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


class House:
    """A service with one thing of each kind, and new ones for whoever would change them."""

    def __init__(self, url: str, sessions: Sessions, connection: requests.Session) -> None:
        self.url, self.connection, self._sessions = url, connection, sessions
        with sessions.begin() as session:
            far = datetime.now(UTC) + timedelta(days=1)
            session.add(Worker(id="w", host="h", pid=1, slots=1, seen_at=far))
            secret = ApiKeys(session).add("a client", tenant=DEFAULT_TENANT, scopes=tuple(Scope))[1]
        self.headers = {"Authorization": f"Bearer {secret}"}
        self.ids = {name: make() for name, make in self._makers().items()}
        self._stop_job(self.ids["job_id"])  # or whoever waits for its end would wait
        self._start_reader()
        start_job(sessions, self._job())  # or jobs that are sent wait in vain, and the service is not ready

    def id_for(self, operation: tuple[str, str], name: str) -> str:
        """What there is of a kind; something new for an operation that is the last of it."""
        is_last = operation[0] == "DELETE" or operation[1].endswith("/cancel")
        return self._makers()[name]() if is_last else self.ids[name]

    def _start_reader(self) -> None:
        """The first large body starts the process that reads them, which takes longer than other requests."""
        large = {"kind": "x" * DEFAULT_LIMITS.max_inline_other_bytes}
        answer = httpx.post(f"{self.url}/jobs", json=large, headers=self.headers, timeout=60)
        assert answer.status_code == 422, answer.text

    def _makers(self) -> dict[str, Callable[[], str]]:
        return {
            "dataset_id": self._dataset,
            "job_id": self._job,
            "model_id": self._model,
            "delivery_id": lambda: make_delivery(self._sessions),
        }

    def _dataset(self) -> str:
        answer = httpx.post(f"{self.url}/datasets", json={"columns": TABLE}, headers=self.headers)
        return str(answer.json()["id"])

    def _job(self) -> str:
        dataset_id = self.ids["dataset_id"] if hasattr(self, "ids") else self._dataset()
        request = {"dataset_id": dataset_id, "target": "y"}
        return make_job(self._sessions, request=request, dataset_id="none").id

    def _model(self) -> str:
        return make_model(
            self._sessions, make_predictor(), edges=EDGES, symbolic=SYMBOLIC, figures=FIGURES
        ).id

    def _stop_job(self, job_id: str) -> None:
        with self._sessions.restrict_to(LOCAL_CALLER).begin() as session:
            Jobs(session).cancel(job_id)


@pytest.fixture(autouse=True)
def _node_id(request: pytest.FixtureRequest) -> None:
    """Where schemathesis 4.32 looks for it, and pytest 9.2 no longer keeps it."""
    request.node._nodeid = request.node.nodeid


@pytest.fixture(scope="module")
def schema() -> schemathesis.BaseSchema:
    schema = schemathesis.openapi.from_dict(openapi_document())
    schema.config.phases.coverage.unexpected_methods = {"get", "post", "put"}  # others are as unknown as PUT
    acceptance = schema.config.checks.positive_data_acceptance
    acceptance.expected_statuses = [*acceptance.expected_statuses, "412"]  # no made-up ETag is the right one
    schema.hook(make_filter())
    return schema


def make_filter() -> Callable[[Any, schemathesis.Case], bool]:
    """What leaves out limits of schemas that were tried already."""
    tried: Counter[tuple[str | None, ...]] = Counter()

    def filter_case(_: Any, case: schemathesis.Case) -> bool:
        varied = case.meta.phase.data
        if not isinstance(varied, CoveragePhaseData):
            return True
        if varied.scenario is CoverageScenario.INCORRECT_TYPE:
            # A number, a truth value and null; texts that are neither follow
            tried[case.operation.label, varied.parameter, varied.location] += 1
            if tried[case.operation.label, varied.parameter, varied.location] > 3:
                return False
        if case.path.endswith(".png") and varied.parameter not in (None, "width"):
            return False  # the others are those of the SVG
        if varied.parameter_location is not ParameterLocation.BODY:
            return True
        if case.path in ("/models/{model_id}/predict", "/v2/models/{name}/versions/{version}/infer"):
            return False  # there is a shorter path for the same body
        is_study = isinstance(case.body, dict) and case.body.get("kind") == "study"
        field = FIELD.match(varied.description)  # a study inherits those of a training
        return not (is_study and field and (field[1] or field[2]) in TrainRequest.model_fields)

    return filter_case


@pytest.fixture(scope="module")
def schema_without_key() -> schemathesis.BaseSchema:
    schema = schemathesis.openapi.from_dict(openapi_document())
    # Who has no key is not told what is wrong with the rest.
    schema.config.phases.coverage.enabled = False
    return schema


@pytest.fixture(scope="module")
def house(new_settings: Callable[..., Settings]) -> Iterator[House]:
    app = create_app(new_settings(host="0.0.0.0", rate_limit=0))
    with serving(app) as url, requests.Session() as connection:
        connection.trust_env = False  # to look for proxies takes longer than an answer
        yield House(url, app.state.sessions, connection)


def with_what_is_there(case: schemathesis.Case, house: House) -> schemathesis.Case:
    """The case about things that are there, for two thirds of the names that are made up."""
    operation = (case.method, case.path)
    if not case.meta.is_negative_at(ParameterLocation.PATH):
        for name, value in case.path_parameters.items():
            kind = "model_id" if name == "name" else name
            if kind == "version":
                case.path_parameters[name] = "1"
            elif kind in house.ids and zlib.crc32(str(value).encode()) % 3:
                case.path_parameters[name] = house.id_for(operation, kind)
    if isinstance(case.body, dict) and not case.meta.is_negative_at(ParameterLocation.BODY):
        there = {"target": "y", "model": house.ids["model_id"]} | house.ids
        case.body |= {name: there[name] for name in there.keys() & case.body.keys()}
    return case


def not_meant(case: schemathesis.Case) -> list[Any]:
    """Checks that ask for too much of an operation."""
    names = []
    # No JSON schema can say that columns are of one length, or that the model has them
    if case.operation.body:
        names.append("positive_data_acceptance")
    if case.meta.is_negative_at(ParameterLocation.HEADER):  # by a key that is lacking, and sent all the same
        names.append("negative_data_rejection")
    if case.path == "/models/import":  # where a model of this name can be read, too
        names.append("allow_header_conformance")
    if isinstance(case.meta.phase.data, CoveragePhaseData):  # once more without a key, and with a wrong one
        names.append("ignored_auth")
    return CHECKS.get_by_names(names)


@SCHEMA.parametrize()
@few
def test_an_operation_does_what_its_description_says(case: schemathesis.Case, house: House) -> None:
    with_what_is_there(case, house).call_and_validate(
        house.url, house.connection, headers=house.headers, excluded_checks=not_meant(case)
    )


@SCHEMA.include(path=EVENTS).parametrize()
@few
def test_the_stream_of_events_does_what_its_description_says(case: schemathesis.Case, house: House) -> None:
    headers = house.headers | {"Accept": "text/event-stream"}
    with_what_is_there(case, house).call_and_validate(house.url, house.connection, headers=headers)


@WITHOUT_KEY.parametrize()
@settings(few, max_examples=1)
def test_nothing_is_told_to_whoever_has_no_key(case: schemathesis.Case, house: House) -> None:
    answer = with_what_is_there(case, house).call(house.url, house.connection)
    assert answer.status_code == 401
    case.validate_response(answer, CHECKS.get_by_names(["response_schema_conformance"]))
