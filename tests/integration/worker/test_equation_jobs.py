"""Jobs that solve differential equations, done by a worker that a test calls."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from kan_engine.differential.thresholds import DEFAULT_SOLVER, EquationThresholds
from service.main import create_app
from service.schemas.equations import EXAMPLE_REQUEST
from service.settings import Settings
from tests.support.flows import taylor_green
from tests.support.servers import LOOPBACK
from worker.execution.outcome import JobStopped
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS, make_handlers
from worker.pipelines.thresholds import EquationJobThresholds

pytestmark = pytest.mark.usefixtures("no_suggestions")

HEAT: dict[str, Any] = {
    "kind": "solve",
    "independent": ["x", "t"],
    "unknowns": ["u"],
    "domain": {"x": [0, 1], "t": [0, 1]},
    "equations": ["Derivative(u(x, t), t) - Derivative(u(x, t), (x, 2))/10"],
    "conditions": [
        {"kind": "initial", "on": {"t": 0}, "residual": "u(x, 0) - sin(pi*x)"},
        {"kind": "boundary", "on": {"x": 0}, "residual": "u(0, t)"},
        {"kind": "boundary", "on": {"x": 1}, "residual": "u(1, t)"},
    ],
}
SPRING: dict[str, Any] = {
    "kind": "solve",
    "independent": ["t"],
    "unknowns": ["x", "v"],
    "domain": {"t": [0, 3]},
    "equations": ["Derivative(x(t), t) - v(t)", "Derivative(v(t), t) + 4*x(t)"],
    "conditions": [{"on": {"t": 0}, "residual": "x(0)"}, {"on": {"t": 0}, "residual": "v(0) - 2"}],
}
STEEP: dict[str, Any] = {  # of order 10 in all: too high for the splines of hidden layers
    "independent": ["x", "y", "z"],
    "domain": {name: [0, 1] for name in "xyz"},
    "unknowns": ["u"],
    "equations": ["Derivative(u(x, y, z), (x, 4), (y, 4), (z, 2)) - u(x, y, z)"],
    "conditions": [{"on": {"x": 0}, "residual": "u(0, y, z)"}] * 4
    + [{"on": {"y": 0}, "residual": "u(x, 0, z)"}] * 4
    + [{"on": {"z": 0}, "residual": "u(x, y, 0)"}] * 2,
}
TIMES = np.linspace(0, 4, 30)


@pytest.fixture(scope="module")
def settings(new_settings: Callable[[], Settings]) -> Settings:
    return new_settings()


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        yield client


@pytest.fixture(scope="module")
def solve(client: TestClient, settings: Settings) -> Callable[..., dict[str, Any]]:
    """Submit, do, and give the job as it ends."""

    def solve(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
        answer = client.post("/jobs", json=body | changes)
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["id"]
        sessions = client.app.state.sessions  # type: ignore[attr-defined]  # the app is a FastAPI
        run_job(job_id, None, sessions, settings, work_of=HANDLERS.__getitem__)
        return dict(client.get(f"/jobs/{job_id}").json())

    return solve


@pytest.fixture(scope="module")
def decay(client: TestClient, solve: Callable[..., dict[str, Any]], no_suggestions: None) -> dict[str, Any]:
    """The model of an equation that has a law."""
    return model_of(client, solve(EXAMPLE_REQUEST, name="decay"))


def model_of(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    assert job["status"] == "succeeded", job["error"]
    return dict(client.get(f"/models/{job['model_id']}").json())


def test_a_solution_whose_job_runs_out_of_time_later_is_its_model(
    client: TestClient, solve: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out_of_time(*_: Any, **__: Any) -> None:
        raise JobStopped

    monkeypatch.setattr("worker.pipelines.equations.find_formulas", run_out_of_time)
    job = solve(EXAMPLE_REQUEST, name="cut", max_seconds=20)
    assert job["cut_by"] == "symbolic"
    model = model_of(client, job)
    assert model["name"] == "cut"
    assert model["metrics"]["equation_residual"] < 1e-10
    answer = client.post("/models/cut/predict", json={"columns": {"x": [1.0]}}).json()
    assert answer["predictions"] == pytest.approx([np.exp(-1.0)], rel=1e-9)
    assert client.get(f"/models/{model['id']}/plots/solution.svg").status_code == 200


def test_a_solved_equation_is_a_model_of_its_unknown(client: TestClient, decay: dict[str, Any]) -> None:
    assert (decay["task"], decay["target"], decay["outputs"]) == ("equation", "y", ["y"])
    assert [(f["name"], f["min"], f["max"]) for f in decay["features"]] == [("x", 0.0, 5.0)]
    assert decay["metrics"]["equation_residual"] < 1e-10
    assert decay["metrics"]["condition_residual"] < 1e-12
    answer = client.post("/models/decay/predict", json={"columns": {"x": [0, 1, 6]}}).json()
    np.testing.assert_allclose(answer["predictions"], np.exp([0.0, -1.0, -6.0]), rtol=1e-14)
    assert answer["by"] == "formula"
    assert decay["members"]["formula"]["fidelity"] == pytest.approx(1.0, abs=1e-9)
    assert answer["warnings"] == [{"row": 2, "column": "x", "code": "outside_training_range"}]


def test_its_formula_proves_itself_in_the_equation(client: TestClient, decay: dict[str, Any]) -> None:
    formulas = client.get(f"/models/{decay['id']}/symbolic").json()
    assert (formulas["exact"], formulas["verdict"]) == (True, "exact")
    assert formulas["outputs"][0]["expression"] == "exp(-x)"
    assert formulas["outputs"][0]["domain"] == {"x": [0.0, 5.0]}
    assert formulas["equation_residual"] < 1e-12


def test_a_partial_equation_becomes_a_network_whose_nodes_multiply(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    model = model_of(client, solve(HEAT))
    assert model["network"]["width"] == [2, 1, 1]
    assert model["network"]["products"] == 1
    formula = client.get(f"/models/{model['id']}/symbolic").json()["outputs"][0]["expression"]
    assert formula == "exp(-pi**2*t/10)*sin(pi*x)"
    edges = client.get(f"/models/{model['id']}/edges").json()
    assert edges["inputs"] == ["x", "t"]
    assert client.get(f"/models/{model['id']}/plot.svg").status_code == 200


def test_a_shape_that_is_asked_for_follows_the_solution_and_keeps_its_formula(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    model = model_of(client, solve(EXAMPLE_REQUEST, network={"hidden": [2]}, training={"steps": 8}))
    assert (model["network"]["width"], model["network"]["products"]) == ([1, 2, 1], 0)
    assert model["warnings"] == []
    assert model["metrics"]["estimated_error"] < 1e-8
    assert 1e-12 < model["metrics"]["equation_residual"] < 1e-6  # of the network, not of the solution
    assert model["residuals"]["equations"][0]["relative"] == model["metrics"]["equation_residual"]
    grids = [entry["grid"] for entry in model["history"]]
    assert grids == sorted(grids)
    x = np.linspace(0, 5, 200)
    rows = {"columns": {"x": x.tolist()}, "by": "accurate"}
    found = client.post(f"/models/{model['id']}/predict", json=rows).json()["predictions"]
    assert np.abs(found - np.exp(-x)).max() < 1e-8
    formulas = client.get(f"/models/{model['id']}/symbolic").json()
    assert (formulas["outputs"][0]["expression"], formulas["verdict"]) == ("exp(-x)", "exact")
    assert formulas["equation_residual"] < 1e-12
    assert len(client.get(f"/models/{model['id']}/edges").json()["edges"]) == 4


def test_a_shape_that_cannot_be_the_solution_says_so(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    network = {"hidden": [], "grid": 6, "order": 4}
    model = model_of(client, solve(HEAT, network=network, symbolic=False))
    told = {name: model["network"][name] for name in ("width", "grid", "order", "optimizer")}
    assert told == {"width": [2, 1], "grid": 6, "order": 4, "optimizer": "levenberg_marquardt"}
    assert model["metrics"]["estimated_error"] > 0.1
    told = client.get(f"/models/{model['id']}/figures").json()["solution"]
    row = {"x": told["axes"][0][20], "t": told["axes"][1][50]}
    answer = client.post(f"/models/{model['id']}/predict", json={"rows": [row]}).json()
    assert told["unknowns"][0]["values"][20][50] == pytest.approx(answer["predictions"][0], abs=1e-6)
    assert "shape [2, 1] violates" in model["warnings"][0]


def test_a_spline_of_one_variable_is_the_solution_itself(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    model = model_of(client, solve(EXAMPLE_REQUEST, network={"hidden": []}, symbolic=False))
    assert (model["network"]["width"], model["network"]["optimizer"]) == ([1, 1], "gauss_newton")


def test_a_shape_whose_time_is_up_is_kept_as_far_as_it_came(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    job = solve(EXAMPLE_REQUEST, network={"hidden": [40, 40]}, max_seconds=4, symbolic=False)
    assert job["cut_by"] == "train"
    assert model_of(client, job)["network"]["width"] == [1, 40, 40, 1]


def test_a_system_predicts_each_of_its_unknowns(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    model = model_of(client, solve(SPRING))
    rows = {"rows": [{"t": 1.0}]}
    found = client.post(f"/models/{model['id']}/predict", json=rows).json()["predictions"][0]
    assert found == pytest.approx({"x": np.sin(2), "v": 2 * np.cos(2)}, rel=1e-9)
    formulas = client.get(f"/models/{model['id']}/symbolic").json()["outputs"]
    assert [each["expression"] for each in formulas] == ["sin(2*t)", "2*cos(2*t)"]


def test_unknowns_of_an_epidemic_keep_their_names(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    epidemic = {
        "kind": "solve",
        "independent": ["t"],
        "unknowns": ["S", "I", "R"],
        "domain": {"t": [0, 5]},
        "equations": ["dS/dt = -2*S*I", "dI/dt = 2*S*I - I", "R' = I"],
        "conditions": ["S(0) = 0.9", "I(0) = 0.1", "R(0) = 0"],
    }
    model = model_of(client, solve(epidemic, symbolic=False))
    assert model["outputs"] == ["S", "I", "R"]
    rows = {"rows": [{"t": 0}, {"t": 5}]}
    first, last = client.post(f"/models/{model['id']}/predict", json=rows).json()["predictions"]
    assert first == pytest.approx({"S": 0.9, "I": 0.1, "R": 0.0}, abs=1e-7)
    assert sum(last.values()) == pytest.approx(1)
    assert last["S"] == pytest.approx(0.9 * np.exp(-2 * last["R"]))  # dS/dR = -2*S


@pytest.mark.parametrize(
    ("time", "unknown", "rate"),
    [("lambda", "E", "beta"), ("pi", "Q", "gamma"), ("zeta", "I", "exp"), ("S", "N", "pi"), ("E", "pi", "S")],
)
def test_any_name_works_in_every_role(
    time: str, unknown: str, rate: str, client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    columns = {time: TIMES.tolist(), unknown: (2 * np.exp(-0.5 * TIMES)).tolist()}
    job = solve(
        {
            "kind": "solve",
            "independent": [time],
            "unknowns": [unknown],
            "domain": {time: [0, 4]},
            "equations": [f"d{unknown}/d{time} = -{rate}*{unknown}"],
            "conditions": [f"{unknown}(0) = 2"],
            "parameters": {rate: 1.0},
            "measurements": {"columns": columns},
        }
    )
    model = model_of(client, job)
    path = f"/models/{model['id']}"
    assert model["parameters"][rate]["value"] == pytest.approx(0.5)
    answer = client.post(f"{path}/predict", json={"columns": {time: [0, 2]}, "by": "formula"}).json()
    assert answer["predictions"] == pytest.approx([2, 2 / np.e])
    (formula,) = client.get(f"{path}/symbolic").json()["outputs"]
    (printed,) = formula["domain"]
    assert formula["expression"] == f"2*exp(-{printed}/2)"
    assert formula["symbols"].get(printed, printed) == time
    source = client.get(f"{path}/symbolic?format=python").text
    functions: dict[str, Any] = {}
    exec(source, functions)
    (function,) = (
        value for value in functions.values() if getattr(value, "__name__", "").startswith(unknown)
    )
    assert function(2.0) == pytest.approx(2 / np.e)
    assert client.get(f"{path}/plots/solution.svg").status_code == 200


def test_without_symbolic_no_formula_is_looked_for(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    model = model_of(client, solve(EXAMPLE_REQUEST, symbolic=False))
    assert client.get(f"/models/{model['id']}/symbolic").json()["code"] == "no_formula"


def test_its_picture_is_drawn_and_those_of_rows_are_refused(
    client: TestClient, decay: dict[str, Any]
) -> None:
    path = f"/models/{decay['id']}"
    told = client.get(f"{path}/figures").json()["solution"]
    assert (told["independent"], told["axes"][0][0], told["axes"][0][-1]) == (["x"], 0.0, 5.0)
    (unknown,) = told["unknowns"]
    np.testing.assert_allclose(unknown["values"], np.exp(-np.array(told["axes"][0])), atol=1e-7)
    assert unknown["measured"] is None
    assert client.get(f"{path}/plots/solution.svg").headers["content-type"] == "image/svg+xml"
    for name in ("parity", "residuals", "effects", "importance", "density"):
        refused = client.get(f"{path}/plots/{name}.svg")
        assert (refused.status_code, refused.json()["code"]) == (409, "no_figures")


def test_steps_that_are_given_end_the_search(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    boundary = [{"on": {"x": 0}, "residual": "y(0)"}, {"on": {"x": 1}, "residual": "y(1)"}]
    bent = {"equations": ["Derivative(y(x), (x, 2)) + exp(y(x))"], "conditions": boundary}
    training = {"optimizer": "gauss_newton", "steps": 1}
    few, enough = (
        model_of(client, solve(EXAMPLE_REQUEST, domain={"x": [0, 1]}, symbolic=False, **bent, **changes))
        for changes in ({"network": {"grid": 8}, "training": training}, {"network": {"grid": 8}})
    )
    assert few["metrics"]["equation_residual"] > 10 * enough["metrics"]["equation_residual"]


@pytest.mark.parametrize("as_dataset", [False, True])
def test_a_number_in_an_equation_is_estimated_from_measurements(
    client: TestClient, solve: Callable[..., dict[str, Any]], *, as_dataset: bool
) -> None:
    noise = 0.01 * np.random.default_rng(0).normal(size=len(TIMES))
    columns = {"x": TIMES.tolist(), "y": (2 * np.exp(-0.7 * TIMES) + noise).tolist()}
    measurements: dict[str, Any] = {"columns": columns}
    if as_dataset:
        dataset = client.post("/datasets", json={"name": "measured", "columns": columns}).json()
        measurements = {"dataset_id": dataset["id"]}
    equations = ["Derivative(y(x), x) + k*y(x)"]
    job = solve(
        EXAMPLE_REQUEST, equations=equations, conditions=[], parameters={"k": 2.0}, measurements=measurements
    )
    model = model_of(client, job)
    found = model["parameters"]["k"]
    assert found["interval"][0] < 0.7 < found["interval"][1]
    assert 0.001 < found["standard_error"] < 0.01  # σ / (root of the rows' information) is 0.004
    assert job["dataset_id"] == measurements.get("dataset_id")
    assert client.get(f"/models/{model['id']}/symbolic").json()["verdict"] == "consistent"
    (unknown,) = client.get(f"/models/{model['id']}/figures").json()["solution"]["unknowns"]
    assert unknown["measured"] == [list(pair) for pair in zip(*columns.values(), strict=True)]


def test_an_equation_with_measurements_that_the_first_grid_resolves_is_served_with_its_error(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    x, t = (axis.ravel() for axis in np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5)))
    columns = {"x": x.tolist(), "t": t.tolist(), "u": (x**2 + 0.6 * t).tolist()}
    model = model_of(
        client,
        solve(
            HEAT,
            network={"order": 3},
            equations=["Derivative(u(x, t), t) - k*Derivative(u(x, t), (x, 2))"],
            conditions=[],
            parameters={"k": 1.0},
            measurements={"columns": columns},
            symbolic=False,
        ),
    )
    assert model["metrics"]["estimated_error"] < 1e-6
    row = {"rows": [{"x": 0.5, "t": 0.5}]}
    found = client.post(f"/models/{model['id']}/predict", json=row).json()["predictions"]
    assert found == pytest.approx([0.55], rel=1e-6)


def test_numbers_that_measurements_do_not_tell_have_no_error_and_a_warning(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    columns = {"x": TIMES.tolist(), "y": (2 * np.exp(-0.7 * TIMES)).tolist()}
    job = solve(
        EXAMPLE_REQUEST,
        equations=["Derivative(y(x), x) + (a + b)*y(x)"],
        conditions=[],
        parameters={"a": 1.0, "b": 2.0},
        measurements={"columns": columns},
    )
    model = model_of(client, job)
    a, b = (model["parameters"][name] for name in "ab")
    assert a["value"] + b["value"] == pytest.approx(0.7)
    assert a["standard_error"] is a["interval"] is b["standard_error"] is b["interval"] is None
    assert "do not determine the error of a, b" in model["warnings"][0]


def test_a_solution_that_ends_fails_the_job_and_says_where(
    solve: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Gives up sooner, for time
    solver = replace(DEFAULT_SOLVER, min_window_share=2e-3, rough_window_shares=(2e-3, 2e-3, 2e-3))
    brief = EquationJobThresholds(equations=EquationThresholds(solver=solver))
    monkeypatch.setitem(HANDLERS, "solve", make_handlers(equations=brief)["solve"])
    job = solve(EXAMPLE_REQUEST, equations=["Derivative(y(x), x) - y(x)**2"])
    assert (job["status"], job["error"]["code"]) == ("failed", "no_solution")
    place = float(re.findall(r"beyond x = ([0-9.]+)", job["error"]["detail"])[0])
    assert place == pytest.approx(1, abs=0.1)  # a pole is approached by ever shorter windows


@pytest.mark.parametrize("right", ["log(x - 6)", "sqrt(x - 2)"])
def test_an_equation_that_has_no_value_on_a_part_of_the_domain_has_no_solution(
    right: str, solve: Callable[..., dict[str, Any]]
) -> None:
    job = solve(EXAMPLE_REQUEST, equations=[f"Derivative(y(x), x) = {right}"])
    assert (job["status"], job["error"]["code"], job["model_id"]) == ("failed", "no_solution", None)
    assert (
        f"'Derivative(y(x), x) = {right}' has no real value on a part of the domain" in job["error"]["detail"]
    )


def test_conditions_that_contradict_each_other_are_told(
    client: TestClient, solve: Callable[..., dict[str, Any]]
) -> None:
    twice = [*EXAMPLE_REQUEST["conditions"], {"on": {"x": 5}, "residual": "y(5) - 1"}]
    model = model_of(client, solve(EXAMPLE_REQUEST, conditions=twice, network={"grid": 8}, symbolic=False))
    assert "contradict" in model["warnings"][0]
    assert len(model["residuals"]["conditions"]) == 2


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"conditions": []}, "too_few_conditions", "#/conditions"),
        ({"equations": ["Derivative(z(x), x)"]}, "invalid_equation", "#/equations/0"),
        ({"equations": ["__import__('os').system('id')"]}, "invalid_equation", "#/equations/0"),
        ({"domain": {"x": ["0", "1"]}}, "validation_failed", "#/domain/x/0"),
        ({"domain": {"x": [5, 0]}}, "invalid_domain", "#/domain/x"),
        (
            {"conditions": [{"on": {"x": 0}, "residual": "y(1) - 1"}]},
            "invalid_equation",
            "#/conditions/0/residual",
        ),
        ({"conditions": ["y(0) = 1", "y(0) = z"]}, "invalid_equation", "#/conditions/1"),
        ({"conditions": ["y(7) = 1"]}, "invalid_equation", "#/conditions/0"),
        ({"conditions": ["y(0) = 1", ""]}, "validation_failed", "#/conditions/1"),
        ({"unknowns": ["y", "z"]}, "invalid_equation", "#/equations"),
        ({"network": {"grid": 10**6}}, "cost_too_high", "#/network/grid"),
        ({"network": {"order": 1}}, "validation_failed", "#/network/order"),
        ({"network": {"hidden": "wide"}}, "validation_failed", "#/network/hidden"),
        ({"network": {"hidden": [0]}}, "validation_failed", "#/network/hidden/0"),
        ({"network": {"hidden": [10**6]}}, "cost_too_high", "#/network"),
        ({"network": {"hidden": [3] * 40}}, "cost_too_high", "#/network"),
        ({"network": {"hidden": [3], "grid": 10**6}}, "cost_too_high", "#/network/grid"),
        (
            {"network": {"hidden": [3], "order": 2}, "equations": ["Derivative(y(x), (x, 2)) + y(x)"]}
            | {"conditions": EXAMPLE_REQUEST["conditions"] * 2},
            "invalid_config",
            "#/network/order",
        ),
        (STEEP | {"network": {"hidden": [3]}}, "invalid_config", "#/network/hidden"),
        ({"training": {"lamb": 0.1}}, "validation_failed", "#/training"),
        ({"training": {"optimizer": "adam"}}, "validation_failed", "#/training/optimizer"),
        ({"training": {"steps": 0}}, "validation_failed", "#/training/steps"),
        ({"parameters": {"k": 1.0}}, "invalid_equation", "#/parameters/0"),
        ({"measurements": {"columns": {"y": [1.0]}}}, "missing_columns", "#/measurements"),
        ({"measurements": {"columns": {"x": [1.0]}}}, "missing_columns", "#/measurements"),
        (
            {"measurements": {"columns": {"x": [1.0, 2.0], "y": [1.0]}}},
            "ragged_columns",
            "#/measurements/columns",
        ),
        ({"measurements": {"columns": {"x": [9.0], "y": [1.0]}}}, "invalid_domain", "#/domain/x"),
        ({"measurements": {}}, "validation_failed", "#/measurements"),
        ({"max_seconds": 1e9}, "max_seconds_too_large", "#/max_seconds"),
    ],
)
def test_what_poses_no_problem_is_refused_with_its_place(
    client: TestClient, changes: dict[str, Any], code: str, pointer: str
) -> None:
    answer: Response = client.post("/jobs", json=EXAMPLE_REQUEST | changes)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["code"] == code, problem["detail"]
    assert problem["errors"][0]["pointer"] == pointer


def test_what_trains_on_tables_only_is_refused_with_what_solves_equations(client: TestClient) -> None:
    answer = client.post("/jobs", json=EXAMPLE_REQUEST | {"training": {"lamb": 0.1, "restarts": 3}})
    assert "training takes optimizer" in answer.json()["detail"]
    assert answer.json()["detail"].endswith("but not lamb, restarts")


def test_the_place_of_a_mistake_is_told_to_the_character(client: TestClient) -> None:
    told = client.post("/jobs", json=EXAMPLE_REQUEST | {"equations": ["Derivative(y(x), x) + why(x)"]}).json()
    assert "unknown function 'why'" in told["detail"]
    assert "(character 23)" in told["detail"]
    assert told["errors"][0]["character"] == 23


def test_measurements_of_a_dataset_that_is_not_there_are_not_found(client: TestClient) -> None:
    answer = client.post("/jobs", json=EXAMPLE_REQUEST | {"measurements": {"dataset_id": "nothing"}})
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found")


def test_equations_that_need_too_much_memory_are_refused_with_the_estimate(settings: Settings) -> None:
    little = settings.model_copy(update={"max_memory_bytes": 100 * 2**20})
    with TestClient(create_app(little), base_url=LOOPBACK) as client:
        answer = client.post("/jobs", json=taylor_green())
        accepted = client.post("/jobs", json=EXAMPLE_REQUEST)
        assert accepted.status_code == 202
        client.post(f"/jobs/{accepted.json()['id']}/cancel")  # the other tests claim what waits
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "cost_too_high")
    assert problem["estimate"]["memory_bytes"] > problem["limit"]["memory_bytes"] == 100 * 2**20
