"""The page in a real browser, on a real ``kan-service serve``: from a table to a result."""

import math
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from service.documents.column_report import ValueCount
from service.schemas.job_requests import read_request
from tests.support.browser import (
    PHONE,
    is_too_wide,
    severe_violations,
    show,
    tab_to,
    visiting,
)
from tests.support.factories import column

LAW = "exp(sin(pi*x1) + x2**2)"
TRAINED_MS = 60_000
FEW = column("kind", "category", distinct=3, top=[ValueCount(value, 20) for value in "abc"])
MANY = column("batch", "integer", distinct=40, top=[ValueCount(7, 3)])
WIDE = [f"a_rather_long_name_of_a_column_{number}" for number in range(12)]


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with visiting(browser, url) as page:
        page.goto("/")
        yield page


@pytest.fixture(scope="module")
def law(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "law.csv"
    path.write_text(law_table())
    return path


def test_a_dropped_table_becomes_a_model_with_its_formula(page: Page, api: httpx.Client) -> None:
    drop(page, "dropped.csv", law_table())
    expect(page.get_by_role("heading", level=1)).to_have_text("dropped")
    expect(page.get_by_label("What do you want to understand?")).to_have_value("y")
    expect(choice_of(page, "y")).to_be_checked()
    page.get_by_role("button", name="Train").click()
    assert formula_of(reached_model(page), api) == (LAW, True)


def test_the_same_goes_with_the_keyboard_alone(page: Page, api: httpx.Client, law: Path) -> None:
    # The wish to wait is sent without an answer: a key right behind it may come first.
    with page.expect_file_chooser() as choosing:
        tab_to(page, "#drop-file")
        page.keyboard.press("Space")
    choosing.value.set_files(law)
    expect(page.get_by_role("heading", level=1, name="law")).to_be_focused()
    tab_to(page, "#set-target")
    page.keyboard.press("ArrowUp")
    expect(choice_of(page, "x2")).to_be_checked()
    page.keyboard.press("ArrowDown")
    tab_to(page, "button.primary")
    page.keyboard.press("Enter")
    assert formula_of(reached_model(page), api) == (LAW, True)


def test_the_law_of_the_example_is_found(page: Page, api: httpx.Client) -> None:
    page.get_by_role("button", name="Try it with an example").click()
    page.get_by_role("button", name="Train").click()
    expression, is_exact = formula_of(reached_model(page), api)
    assert is_exact
    rate = eval(expression, {"exp": math.exp, "concentration": 1.5, "temperature": 300.0})
    assert rate == pytest.approx(2.5e6 * 1.5**2 * math.exp(-50_000 / (8.314462618 * 300)), rel=1e-6)


def test_a_table_that_is_refused_says_where_and_what_to_do(page: Page) -> None:
    drop(page, "ragged.csv", "a,b\n1,2\n3,4,5\n")
    expect(page.get_by_role("alert")).to_contain_text("line 3 has 3 cells, the header has 2; give every row")
    expect(page.get_by_label("Upload", exact=True)).to_be_enabled()


def test_a_russian_page_tells_mistakes_in_russian(browser: Browser, url: str) -> None:
    with visiting(browser, url, locale="ru-RU") as page:
        page.goto("/")
        drop(page, "ragged.csv", "a,b\n1,2\n3,4,5\n")
        told = page.get_by_role("alert")
        expect(told).to_contain_text("На строке 3 ячеек 3, а в заголовке 2. Дайте каждой строке столько же")
        expect(told.locator("[lang=en]")).to_have_count(0)
        drop(page, "words.csv", "a,b\n" + "1.5,NA\n2.5,7\n" * 9)
        read = page.get_by_role("group").filter(has_text="Как прочитана таблица")
        expect(read).to_contain_text("Прочитаны как пропуски: «NA», всего 9.")
        page.get_by_text("Настройки", exact=True).click()
        page.get_by_label("Сетка", exact=True).fill("many")
        page.get_by_role("button", name="Обучить").click()
        expect(page.locator("#set-grid-wrong")).to_have_text("Нужно целое число или «auto».")


def test_mistakes_are_told_beside_the_settings_that_they_are_about(
    page: Page, api: httpx.Client, law: Path
) -> None:
    show(page, f"/datasets/{uploaded(api, law)}")
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("Grid", exact=True).fill("many")
    page.get_by_role("button", name="Train").click()
    grid = page.get_by_label("Grid", exact=True)
    expect(grid).to_be_focused()
    expect(grid).to_have_accessible_description(
        "Number of grid intervals of every spline. More intervals resolve finer detail. "
        "Input should be a valid integer or 'auto'"
    )


def test_the_request_of_the_form_can_be_taken_along(page: Page, api: httpx.Client, law: Path) -> None:
    dataset_id = uploaded(api, law)
    show(page, f"/datasets/{dataset_id}")
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("Hidden nodes").fill("5, 3")
    page.get_by_role("checkbox", name="x2").uncheck()
    page.get_by_label("Search for a formula").uncheck()
    page.get_by_text("As code").click()
    told = page.get_by_role("region", name="The request with Python").inner_text()
    options = 'features=["x1"], network={"hidden": [5, 3]}, symbolic=False'
    assert f'kan.train("{dataset_id}", "y", {options})' in told


@pytest.mark.parametrize(
    ("target", "values", "body"),
    [
        ("y", {"weight": "w"}, {"weight": "w"}),
        ("w", {"weight": "w"}, {}),
        ("kind", {"class_weight": {"kind": "balanced"}}, {"training": {"class_weight": "balanced"}}),
        (
            "kind",
            {"class_weight": {"kind": "given", "weights": {"a": "2,5", "b": " "}}},
            {"training": {"class_weight": {"a": 2.5}}},
        ),
        ("y", {"class_weight": {"kind": "balanced"}}, {}),
        ("y", {"grid_schedule": "3, 6; 12"}, {"training": {"grid_schedule": [3, 6, 12]}}),
        (
            "y",
            {"split_kind": "column", "split_column": "kind", "split_test": ["b"], "test_fraction": "0.5"},
            {"split": {"kind": "column", "column": "kind", "test": ["b"]}},
        ),
        (
            "y",
            {"split_kind": "column", "split_column": "batch", "split_test": "3\n 5 \n"},
            {"split": {"kind": "column", "column": "batch", "test": [3, 5]}},
        ),
        (
            "y",
            {"vary_hidden": "[]; 2; 5, 3; auto", "vary_lamb": "0.001, 0.1", "vary_seed": "0 1"},
            {
                "vary": {
                    "network.hidden": [[], [2], [5, 3], "auto"],
                    "training.lamb": [0.001, 0.1],
                    "seed": [0, 1],
                }
            },
        ),
        ("y", {"vary_grid": "3, 5", "refine": True}, {"vary": {"network.grid": [3, 5]}, "refine": True}),
        (
            "y",
            {"baselines": ["linear", "mlp_matched"]},
            {"baselines": ["linear", {"kind": "mlp", "parameters": "matched"}]},
        ),
    ],
)
def test_settings_are_sent_as_the_service_takes_them(
    target: str, values: dict[str, Any], body: dict[str, Any], scripts: Page
) -> None:
    kind = {"kind": "study"} if "vary" in body else {}
    sent = form_body(scripts, target, values)
    assert sent == {"dataset_id": "1", "target": target, **kind, **body}
    read_request(sent)


def test_a_comma_in_a_fraction_separates_nothing(browser: Browser, url: str) -> None:
    with visiting(browser, url, locale="ru-RU") as page:
        page.goto("/")
        sent = form_body(page, "y", {"vary_lamb": "0,001; 0,01 0,1"})
        assert sent["vary"] == {"training.lamb": [0.001, 0.01, 0.1]}


def test_equations_become_a_model_with_its_formula(page: Page, api: httpx.Client) -> None:
    page.get_by_text("Solve equations").press("Enter")
    page.get_by_role("button", name="Fill in an example").press("Enter")
    equations = page.get_by_label("Equations", exact=True)
    equations.fill("\n Derivative(y(x), x) = why(x)")
    page.get_by_role("button", name="Solve").press("Enter")
    expect(equations).to_be_focused()
    expect(equations).to_have_accessible_description(re.compile("Line 2: unknown function 'why'"))
    assert equations.evaluate("({value, selectionStart}) => value.slice(selectionStart)") == "why(x)"
    expect(page.locator("#solve-equations-wrong mark")).to_have_text("w")
    assert severe_violations(page) == []
    equations.fill("y' = -y")
    page.get_by_text("As code").click()
    told = page.get_by_role("region", name="The request with Python").inner_text()
    assert 'kan.solve(independent=["x"], unknowns=["y"], domain={"x": [0, 5]}' in told
    page.get_by_role("button", name="Solve").press("Enter")
    assert formula_of(reached_model(page), api) == ("exp(-x)", True)
    expect(page.get_by_role("region", name="Formula for y as text")).to_have_text("exp(-x)")
    expect(page.get_by_text("it is the solution itself")).to_be_visible()
    expect(page.locator("#section-solution").get_by_role("img", name="y from 0.006738 to 1")).to_be_visible()
    assert severe_violations(page) == []


@pytest.mark.parametrize(
    ("typed", "body"),
    [
        ({"variables": "0<=x<=1,5\n-1 ≤ t ≤ 1"}, {"domain": {"x": [0, 1.5], "t": [-1, 1]}}),
        ({"unknowns": "u, v w"}, {"unknowns": ["u", "v", "w"]}),
        (
            {"conditions": "x=0, 1: u(0, t) = u(1, t)\n\n t = 0 : u(x, 0)"},
            {
                "conditions": [
                    {"on": {"x": [0, 1]}, "residual": "u(0, t) = u(1, t)"},
                    {"on": {"t": 0}, "residual": "u(x, 0)"},
                ]
            },
        ),
        (
            {"conditions": "x = 0; t = 1: u(0, 1) - 2"},
            {"conditions": [{"on": {"x": 0, "t": 1}, "residual": "u(0, 1) - 2"}]},
        ),
        ({"conditions": "y(0) = 1\ny'(0) = 0"}, {"conditions": ["y(0) = 1", "y'(0) = 0"]}),
        ({"parameters": "k = 1\nroom=1e1"}, {"parameters": {"k": 1, "room": 10}}),
        (
            {"measurements": "d", "name": " cooling "},
            {"measurements": {"dataset_id": "d"}, "name": "cooling"},
        ),
        ({"hidden": "4, 3"}, {"network": {"hidden": [4, 3]}}),
    ],
)
def test_equations_are_sent_as_the_service_takes_them(
    typed: dict[str, str], body: dict[str, Any], scripts: Page
) -> None:
    sent = read_equations(scripts, typed)["body"]
    assert {name: sent[name] for name in body} == body
    read_request(sent)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"variables": "x"}, "variables"),
        ({"conditions": "x: y(0) = 1"}, "conditions"),
        ({"conditions": "x = 0:"}, "conditions"),
        ({"parameters": "k"}, "parameters"),
    ],
)
def test_a_line_that_cannot_be_taken_apart_is_known_before_it_is_sent(
    typed: dict[str, str], field: str, scripts: Page
) -> None:
    lines = read_equations(scripts, typed)["lines"]
    assert [name for name, all_of in lines.items() for line in all_of if line.get("told") is None] == [field]


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("#/equations/1", ["equations", "z(x)"]),
        ("#/conditions/0/residual", ["conditions", "y(0) = 1"]),
        ("#/domain/x/0", ["variables", "0 < x < 5"]),
        ("#/parameters/k", ["parameters", "k = 1"]),
        ("#/unknowns/0", ["unknowns", None]),
        ("#/network/hidden/0", ["hidden", None]),
        ("#/network/grid", None),
    ],
)
def test_a_mistake_is_led_to_its_line(pointer: str, place: Any, scripts: Page) -> None:
    typed = {"equations": "y(x)\n\nz(x)", "parameters": "k = 1"}
    assert read_equations(scripts, typed, pointer)["place"] == place


def test_equations_that_have_no_solution_can_be_changed(page: Page) -> None:
    page.get_by_text("Solve equations").press("Enter")
    page.get_by_role("button", name="Fill in an example").press("Enter")
    equation = "Derivative(y(x), x) = sqrt(-1 - y(x)**2)"
    page.get_by_label("Equations", exact=True).fill(equation)
    page.get_by_role("button", name="Solve").press("Enter")
    page.get_by_role("link", name="Change the equations").click(timeout=TRAINED_MS)
    expect(page.get_by_label("Equations", exact=True)).to_have_value(equation)


def test_without_a_target_the_density_of_one_or_two_columns_is_learnt(page: Page, api: httpx.Client) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 40))
    columns = {"height": x.tolist(), "weight": y.tolist(), "kind": ["a", "b"] * 20}
    dataset = api.post("/datasets", json={"name": "people", "columns": columns}).json()
    show(page, f"/datasets/{dataset['id']}")
    page.get_by_label("What do you want to understand?").select_option("no target: density estimate")
    page.get_by_label("Second column, for a joint density").select_option("height")
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("Time limit, seconds").fill("0.1")  # the model itself has its own tests
    assert severe_violations(page) == []
    with page.expect_request("**/jobs") as sent:
        page.get_by_role("button", name="Train").click()
    body = {"dataset_id": dataset["id"], "task": "density", "features": ["weight", "height"]}
    assert sent.value.post_data_json == body | {"max_seconds": 0.1}
    expect(page.get_by_role("heading", level=1)).to_have_text("Training: people")


def test_a_model_without_intervals_is_asked_without_one(scripts: Page) -> None:
    sent: list[Any] = []

    def answer(route: Route) -> None:
        sent.append(route.request.post_data_json)
        route.fulfill(status=422 if "interval" in sent[-1] else 202, json={"code": "no_interval"})

    scripts.route("**/predict", answer)
    scripts.evaluate(
        """async () => {
            const { createPoster } = await import("/assets/js/model/prediction/interval.js");
            await createPoster({task: "regression", outputs: ["y"]})("predict", {rows: []});
        }"""
    )
    assert sent == [{"rows": [], "interval": 0.9}, {"rows": []}]


def test_a_download_that_fails_says_why(page: Page, api: httpx.Client, law: Path) -> None:
    show(page, f"/datasets/{uploaded(api, law)}")
    page.route("**/content", lambda route: route.fulfill(status=503, json={"detail": "the disk is away"}))
    page.get_by_role("button", name="Download as Parquet").click()
    expect(page.get_by_role("alert")).to_have_text("the disk is away")


def test_settings_are_compared_beside_each_other(page: Page, api: httpx.Client) -> None:
    x = np.linspace(-1, 1, 60)
    y = np.exp(x) + np.random.default_rng(0).normal(0, 0.1, 60)  # with noise: without, an MLP learns for long
    columns = {"x": x.tolist(), "part": ["test", "train", "train"] * 20, "y": y.tolist()}
    dataset = api.post("/datasets", json={"name": "parts", "columns": columns}).json()
    show(page, f"/datasets/{dataset['id']}")
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("Hidden nodes").fill("[]")
    page.get_by_label("Search for a formula").uncheck()
    page.get_by_label("a neural network of the same size").check()
    page.get_by_label("Held-out rows", exact=True).select_option("column")
    page.get_by_text("Compare settings").click()
    page.get_by_label("Grids", exact=True).fill("3, 6")
    expect(page.get_by_text("2 trainings")).to_be_visible()
    page.get_by_label("Refine one network from grid to grid").check()
    expect(page.get_by_text("1 training")).to_be_visible()
    page.get_by_role("button", name="Start the study").click()
    values = page.get_by_role("group", name="Its values in held-out rows")
    expect(values).to_be_focused()
    values.get_by_label("test").check()
    page.get_by_role("button", name="Start the study").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Study: parts")
    rows = page.get_by_role("table", name="Results by setting").get_by_role("row")
    expect(rows).to_have_count(3, timeout=TRAINED_MS)
    expect(rows.first).to_contain_text("Ordinary network (MLP as large): RMSE")
    for name in ("Error by grid", "Error by parameters", "Time by grid"):
        expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert severe_violations(page) == []
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download the result").click()
    assert downloading.value.suggested_filename.endswith(".csv")


def test_a_running_job_shows_how_far_it_is_and_can_be_stopped(
    page: Page, api: httpx.Client, law: Path
) -> None:
    show(page, f"/jobs/{long_job(api, law)}")
    expect(page.locator(".job-stage")).to_have_text("Training networks", timeout=TRAINED_MS)
    expect(page.get_by_role("img", name="The lowest error so far is")).to_be_visible()
    assert severe_violations(page) == []
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("The job was cancelled and has no result.")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("button", name="Stop and keep the best so far").click()
    assert reached_model(page)


def test_a_job_is_followed_where_no_stream_gets_through(page: Page, api: httpx.Client, law: Path) -> None:
    page.route(re.compile("/events$"), lambda route: route.fulfill(status=502))
    show(page, f"/datasets/{uploaded(api, law)}")
    page.get_by_role("button", name="Train").click()
    assert formula_of(reached_model(page), api) == (LAW, True)


def test_an_address_without_a_view_says_so_and_leads_to_the_start(page: Page) -> None:
    show(page, "/nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("This page does not exist")
    page.get_by_role("link", name="To the start").click()
    expect(page.locator("#drop-file")).to_be_attached()


def test_a_table_is_deleted_after_a_question(page: Page, api: httpx.Client, law: Path) -> None:
    dataset_id = uploaded(api, law)
    show(page, f"/datasets/{dataset_id}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Delete")).to_be_focused()
    assert api.get(f"/datasets/{dataset_id}").is_success
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Datasets")
    assert api.get(f"/datasets/{dataset_id}").status_code == 404


@pytest.mark.parametrize(
    ("theme", "rules"), [("light", []), pytest.param("dark", ["color-contrast"], marks=pytest.mark.thorough)]
)
def test_nothing_keeps_people_out_of_any_view(
    theme: Any, rules: list[str], browser: Browser, url: str, finished: list[str]
) -> None:
    with visiting(browser, url, color_scheme=theme) as page:
        for address in finished:
            show(page, address)
            page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
            assert (address, severe_violations(page, *rules)) == (address, [])


def test_a_phone_shows_every_view_without_scrolling_sideways(
    browser: Browser, url: str, finished: list[str]
) -> None:
    with visiting(browser, url, size=PHONE, locale="ru-RU") as page:
        for address in finished:
            show(page, address)
            page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
            assert (address, is_too_wide(page)) == (address, False)


@pytest.fixture(scope="module")
def finished(api: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every view, on a table with columns and warnings of all kinds, and jobs that ended in either way."""
    path = tmp_path_factory.mktemp("wide") / "wide.csv"
    path.write_text(wide_table())
    dataset_id = uploaded(api, path)
    trained = ended(api, {"dataset_id": dataset_id, "target": WIDE[-1], "max_seconds": 2})
    body = {"kind": "predict", "dataset_id": dataset_id, "model": trained["model_id"], "max_seconds": 1e-9}
    failed = ended(api, body)
    assert [trained["status"], failed["status"]] == ["succeeded", "failed"]
    jobs = [f"/jobs/{job['id']}" for job in (trained, failed)]
    return ["/", "/datasets", f"/datasets/{dataset_id}", "/jobs", *jobs, "/models", "/nowhere"]


@pytest.fixture(scope="module")
def scripts(browser: Browser, url: str) -> Iterator[Page]:
    """A page whose scripts are asked what they would do."""
    with visiting(browser, url) as page:
        page.goto("/")
        yield page


def form_body(page: Page, target: str, values: dict[str, Any]) -> dict[str, Any]:
    """What is sent of a form with these values, on a table with columns of several kinds."""
    told: dict[str, Any] = page.evaluate(
        """async ([columns, target, values]) => {
            const [fields, body] = await Promise.all(
                ["fields", "body"].map((name) => import(`/assets/js/settings/${name}.js`)));
            const features = new Set(columns.map((column) => column.name));
            const choice = {dataset: {id: "1", columns, units: {}}, target, features, types: {}};
            choice.values = {...fields.initialValues(), ...values};
            const study = body.studyOf(choice);
            return body.countOf(study) ? study : body.bodyOf(choice);
        }""",
        [[asdict(report) for report in (*map(column, "xwy"), MANY, FEW)], target, values],
    )
    return told


def read_equations(page: Page, typed: dict[str, str], pointer: str = "") -> dict[str, Any]:
    """What is made of the example with other words in some fields, and the place of a mistake in it."""
    told: dict[str, Any] = page.evaluate(
        """async ([typed, pointer]) => {
            const {DECAY, placeOf, read} = await import("/assets/js/equations/body.js");
            const found = read({...DECAY, ...typed});
            const place = placeOf({pointer}, found.lines);
            return {...found, place: place && [place.field, place.line?.text ?? null]};
        }""",
        [typed, pointer],
    )
    return told


def ended(api: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    job_id = api.post("/jobs", json=body).json()["id"]
    job: dict[str, Any] = api.get(f"/jobs/{job_id}", params={"wait": 30}).json()
    return job


def wide_table() -> str:
    columns = [*WIDE, "kind", "when", "mixed"]
    rows = [
        [*(f"{row * number}" for number in range(1, 13)), "abc"[row % 3], f"2024-01-{row + 1:02}", str(row)]
        for row in range(28)
    ]
    rows[3][-1] = "oops"
    return "\n".join(",".join(cells) for cells in [columns, *rows])


def law_table() -> str:
    x1, x2 = np.random.default_rng(0).uniform(-1, 1, (2, 200))
    columns = zip(x1, x2, np.exp(np.sin(np.pi * x1) + x2**2), strict=True)
    return "\n".join(["x1,x2,y", *(f"{a},{b},{y}" for a, b, y in columns)])


def drop(page: Page, name: str, content: str) -> None:
    """Drop a file on the page, as one does from a file manager."""
    make = """([name, content]) => {
        const carried = new DataTransfer();
        carried.items.add(new File([content], name, {type: "text/csv"}));
        return carried;
    }"""
    page.locator(".drop").wait_for()
    carried = page.evaluate_handle(make, [name, content])
    for event in ("dragover", "drop"):
        page.dispatch_event(".drop", event, {"dataTransfer": carried})


def choice_of(page: Page, column: str) -> Locator:
    return page.get_by_role("radio", name=f": {column}")


def reached_model(page: Page) -> str:
    """Id of the model that the page goes to once its job is done."""
    page.wait_for_url("**/#/models/*", timeout=TRAINED_MS)
    return page.url.rpartition("/")[2]


def formula_of(model_id: str, api: httpx.Client) -> tuple[str, bool]:
    told = api.get(f"/models/{model_id}/symbolic").json()
    return told["outputs"][0]["expression"], told["exact"]


def uploaded(api: httpx.Client, path: Path) -> str:
    with path.open("rb") as content:
        return str(api.post("/datasets", files={"file": (path.name, content)}).json()["id"])


def long_job(api: httpx.Client, table: Path) -> str:
    """A real training of many seconds, whatever the machine."""
    training, network = {"optimizer": "adam", "steps": 20_000}, {"hidden": [5], "grid": 5}
    stages = {"symbolic": False, "prune": False, "baselines": False}
    body = {"dataset_id": uploaded(api, table), "target": "y", "network": network, "training": training}
    return str(api.post("/jobs", json=body | stages).json()["id"])
