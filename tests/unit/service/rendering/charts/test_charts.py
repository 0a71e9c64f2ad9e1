"""Every picture is well-formed, tells in words what it shows, and is harmless whatever names are."""

import functools
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_engine.drawing.svg import DARK, LIGHT, Theme
from service.rendering.charts import StudyTraining, StudyView, draw_study
from service.rendering.charts.confusion import draw_confusion
from service.rendering.charts.density import draw as draw_model_density
from service.rendering.charts.effects import draw as draw_model_effects
from service.rendering.charts.evaluations import draw as draw_model_evaluations
from service.rendering.charts.history import draw as draw_model_history
from service.rendering.charts.importance import draw as draw_model_importance
from service.rendering.charts.model_numbers import ModelNumbers, Subject
from service.rendering.charts.parity import draw_parity
from service.rendering.charts.reliability_and_roc import draw_probabilities
from service.rendering.charts.residuals import draw_residuals
from service.rendering.charts.solution import draw as draw_model_solution
from tests.support.pictures import english_in

pytestmark = pytest.mark.long

SVG = "{http://www.w3.org/2000/svg}"
NAME = "a name of a column"
HOSTILE = "</text><script>alert(1)</script>\"' onload='x' &#0; nul\x00 half\ud800"
RESIDUALS = {"equation_residual": 2.5e-9, "condition_residual": 0.0}
NUMBERS = [0.1 * place for place in range(41)]


def subject(name: str = "law", target: str = "y", **metrics: float) -> Subject:
    return Subject(name=name, target=target, units={target: "dB"}, measured_on="hold-out", metrics=metrics)


def numbers(figures: dict[str, Any] | None = None, **own: Any) -> ModelNumbers:
    usual: dict[str, Any] = {"model_id": "m", "task": "regression", "history": (), "evaluations": ()}
    return ModelNumbers(**usual | {"stored_figures": figures} | own)


def draw_history(steps: list[dict[str, Any]], of: Subject, theme: Theme) -> str:
    return draw_model_history(numbers(history=steps), of, theme)


def draw_evaluations(results: list[dict[str, Any]], of: Subject, theme: Theme) -> str:
    return draw_model_evaluations(numbers(evaluations=results), of, theme)


def draw_effects(effects: list[dict[str, Any]], of: Subject, theme: Theme) -> str:
    return draw_model_effects(numbers({"effects": effects}), of, theme)


def draw_importance(told: dict[str, Any], of: Subject, theme: Theme) -> str:
    return draw_model_importance(numbers({"importance": told}), of, theme)


def draw_density(figures: dict[str, Any], of: Subject, theme: Theme) -> str:
    return draw_model_density(numbers(figures), of, theme)


def draw_solution(figures: dict[str, Any], of: Subject, theme: Theme) -> str:
    return draw_model_solution(numbers(figures), of, theme)


def history(*grids: int) -> list[dict[str, Any]]:
    return [
        {"step": place, "grid": grid, "loss": 0.5**place, "validation_loss": 0.6**place}
        for place, grid in enumerate(grids)
    ]


def errors(*grids: int) -> list[dict[str, Any]]:
    return [{"step": place, "grid": grid, "error": 0.1**place} for place, grid in enumerate(grids, 1)]


def evaluations(*members: str) -> list[dict[str, Any]]:
    return [
        {"by": by, "metric": "rmse", "error": 0.5 + place / 10, "expected_error": 0.5, "rows": 20}
        for place in range(4)
        for by in members
    ]


def parity(count: int = 30) -> dict[str, Any]:
    true: list[float | None] = [float(place) for place in range(count)]
    predicted: list[float | None] = [value and value + math.sin(value) for value in true]
    return {"rows": count, "measured_on": "hold-out", "parity": {"true": true, "predicted": predicted}}


def classes(*names: str) -> dict[str, Any]:
    counts = [[8 if t == d else 1 for d in range(len(names))] for t in range(len(names))]
    curve = {"auc": 0.9, "false_positive_rate": [0.0, 0.1, 1.0], "true_positive_rate": [0.0, 0.9, 1.0]}
    bins = {"mean_probability": [0.05, None, 0.9], "observed_share": [0.1, None, 1.0], "count": [7, 0, 3]}
    return {
        "rows": 10,
        "confusion": {"classes": list(names), "counts": counts},
        "roc": [{"class": name} | curve for name in names[1:]],
        "reliability": {"class": names[1] if len(names) == 2 else None} | bins,
    }


def effect(name: str, *outputs: str) -> dict[str, Any]:
    band = {"low": [-1.0] * 41, "high": [1.0] * 41} if len(outputs) == 1 else {"low": None, "high": None}
    curves = [{"output": output, "mean": [math.sin(x) for x in NUMBERS]} | band for output in outputs]
    return {"name": name, "type": "number", "values": NUMBERS, "curves": curves} | {
        "deciles": NUMBERS[::4],
        "shares": None,
    }


def category(name: str, *values: str | bool | None) -> dict[str, Any]:
    means = [float(place) for place in range(len(values))]
    curve = {"output": "y", "mean": means, "low": [m - 1 for m in means], "high": [m + 1 for m in means]}
    shares = [1 / len(values)] * len(values)
    return {"name": name, "type": "category", "values": list(values), "curves": [curve]} | {
        "deciles": None,
        "shares": shares,
    }


def importance(*names: str) -> dict[str, Any]:
    features = [{"name": name, "mean": 1 / (place + 1), "std": 0.05} for place, name in enumerate(names)]
    return {"metric": "rmse", "error": 0.1, "rows": 20, "shuffles": 5, "features": features, "left_out": 0}


def density(*names: str) -> dict[str, Any]:
    """A bell over one column, or two, with its law beside it."""
    bell = [math.exp(-((x - 2) ** 2)) for x in NUMBERS]
    values: list[Any] = bell if len(names) == 1 else [[a * b for b in bell] for a in bell]
    told = {"columns": list(names), "axes": [NUMBERS] * len(names), "density": values}
    told |= {"law": "normal", "law_density": values, "edges": [0.0, 2.0, 4.0], "bars": [0.2, 0.3]}
    return {"rows": 20, "measured_on": "hold-out", "density": told | {"dots": [[1.0, 2.0], [9.0, 9.0]]}}


def curves(*names: str, measured: list[list[float]] | None = None) -> dict[str, Any]:
    """Unknowns over one variable."""
    unknowns = [{"name": n, "values": [math.sin(x) for x in NUMBERS], "measured": measured} for n in names]
    return {"solution": {"independent": ["t"], "axes": [NUMBERS], "at": {}, "unknowns": unknowns}}


def maps(
    *names: str,
    of: Callable[[float, float], float] = lambda x, y: x * y,
    measured: list[list[float]] | None = None,
    **at: float,
) -> dict[str, Any]:
    """Unknowns over two variables, of three perhaps."""
    values = [[of(x, y) for y in NUMBERS] for x in NUMBERS]
    unknowns = [{"name": name, "values": values, "measured": measured} for name in names]
    told = {"independent": ["x", "y"], "axes": [NUMBERS, NUMBERS], "at": at, "unknowns": unknowns}
    return {"solution": told}


def trained(order: int = 3, settings: str = "hidden = [2]") -> list[StudyTraining]:
    return [
        StudyTraining(
            settings=settings,
            grid=g,
            order=order,
            parameters=8 * g,
            error=g ** -(order + 1.0),
            seconds=g / 10,
        )
        for g in (3, 5, 10, 20)
    ]


def study(trainings: list[StudyTraining], theme: Theme = LIGHT, **options: Any) -> str:
    usual: dict[str, Any] = {"across": "grid", "metric": "RMSE", "has_slope": True}
    title = options.pop("title", "Study of y")
    return draw_study(trainings, StudyView(**usual | options), title=title, theme=theme)


PICTURES: dict[str, Callable[[str, Theme], str]] = {
    "history": lambda name, theme: draw_history(history(3, 3, 5, 5, 10), subject(name), theme),
    "history of a solution": lambda name, theme: draw_history(errors(3, 6), subject(name), theme),
    "evaluations": lambda name, theme: draw_evaluations(
        evaluations("formula", "compact"), subject(name), theme
    ),
    "one evaluation": lambda name, theme: draw_evaluations(evaluations("accurate")[:1], subject(name), theme),
    "history of one step": lambda name, theme: draw_history(history(3), subject(name), theme),
    "parity": lambda name, theme: draw_parity(parity(), subject(name, name, rmse=0.1), theme),
    "residuals": lambda name, theme: draw_residuals(parity(), subject(name, name), theme),
    "confusion": lambda name, theme: draw_confusion(classes(name, "b", name), subject(name, name), theme),
    "probabilities": lambda name, theme: draw_probabilities(classes(name, name), subject(name, name), theme),
    "effects": lambda name, theme: draw_effects(
        [effect(name, name), category(name, name, "b", None)], subject(name, name), theme
    ),
    "effects of classes": lambda name, theme: draw_effects(
        [effect(name, name, "b", "c")], subject(name, name, log_loss=1.0), theme
    ),
    "importance": lambda name, theme: draw_importance(importance(name, "b"), subject(name, name), theme),
    "density": lambda name, theme: draw_density(density(name), subject(name, name), theme),
    "density of two": lambda name, theme: draw_density(density(name, "b"), subject(name, name), theme),
    "solution": lambda name, theme: draw_solution(
        curves(name, "b", measured=[[1.0, 0.8]]), subject(name, name, **RESIDUALS), theme
    ),
    "solution of two variables": lambda name, theme: draw_solution(
        maps(name, "b", name, measured=[[1.0, 2.0, 0.8]]), subject(name, name, **RESIDUALS), theme
    ),
    "solution of three variables": lambda name, theme: draw_solution(
        maps(name, **{name: 0.5}), subject(name, name, **RESIDUALS), theme
    ),
    "study": lambda name, theme: study(trained(settings=name) + trained(2), theme, title=name),
    "study by parameters": lambda name, theme: study(
        [*trained(settings=name), *(replace(each, error=2 * each.error) for each in trained(settings=name))],
        theme,
        title=name,
        across="parameters",
    ),
    "times of a study": lambda name, theme: study(
        trained(settings=name), theme, title=name, up="seconds", has_slope=False
    ),
}


@functools.cache
def picture_of(picture: str, theme: Theme) -> str:
    """A picture that several tests look at."""
    return PICTURES[picture](NAME, theme)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def drawn(svg: str, kind: str) -> list[ElementTree.Element]:
    """The paths of one kind: a group names what it draws by its class."""
    groups = ElementTree.fromstring(svg).iter(f"{SVG}g")
    return [
        path for group in groups if kind in group.get("class", "") for path in group.findall(f"{SVG}path")
    ]


def points(path: ElementTree.Element) -> list[tuple[float, float]]:
    numbers = [float(part) for part in re.findall(r"-?[\d.]+", path.attrib["d"])]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def dots(svg: str) -> list[tuple[float, float]]:
    circles = ElementTree.fromstring(svg).iter(f"{SVG}circle")
    return [(float(circle.attrib["cx"]), float(circle.attrib["cy"])) for circle in circles]


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_tells_in_words_and_numbers_what_it_shows(picture: str, theme: Theme) -> None:
    root = ElementTree.fromstring(picture_of(picture, theme))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"].split() == [
        root.find(f"{SVG}{tag}").attrib["id"]  # type: ignore[union-attr]
        for tag in ("title", "desc")
    ]
    assert NAME in root.findtext(f"{SVG}title", "")
    assert re.search(r"\d", root.findtext(f"{SVG}desc", ""))
    ground = root.find(f"{SVG}rect")
    assert ground is not None
    assert ground.attrib["fill"] == theme.paper


@pytest.mark.parametrize("picture", PICTURES)
def test_a_russian_picture_has_no_english_words_and_no_english_numbers(picture: str) -> None:
    svg = PICTURES[picture]("имя", replace(LIGHT, language="ru"))
    assert english_in(svg, "dB", "hidden") == set()
    assert re.findall(r"\d\.\d", " ".join(texts(svg))) == []


@pytest.mark.parametrize(
    "name", [HOSTILE, "x" * 2_000, "", "温度の測定値の平均" * 9], ids=["hostile", "long", "none", "wide"]
)
@pytest.mark.parametrize("picture", PICTURES)
def test_no_name_can_break_out_of_its_text_or_off_the_sheet(picture: str, name: str) -> None:
    root = ElementTree.fromstring(PICTURES[picture](name, LIGHT))
    allowed = {"svg", "title", "desc", "rect", "path", "g", "circle", "text", "defs", "clipPath"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= allowed
    assert not [key for element in root.iter() for key in element.attrib if key.startswith(("on", "style"))]
    assert float(root.attrib["width"]) < 1_200


@pytest.mark.parametrize("picture", PICTURES)
def test_all_that_is_drawn_lies_on_the_sheet(picture: str) -> None:
    svg = picture_of(picture, LIGHT)
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for element in root.iter():
        for key, most in (("x", width), ("y", height), ("cx", width), ("cy", height)):
            assert 0 <= float(element.attrib.get(key, 0)) <= most
    assert not re.search(r"\b(nan|inf)\b", svg)


@pytest.mark.parametrize("picture", PICTURES)
def test_the_same_numbers_give_the_same_bytes(picture: str) -> None:
    assert PICTURES[picture](NAME, LIGHT) == picture_of(picture, LIGHT)


def test_a_history_of_one_step_is_a_dot_for_each_loss() -> None:
    svg = draw_history(history(3), subject(), LIGHT)
    assert len(dots(svg)) == 2
    assert any("was 1 after the only" in text for text in texts(svg))


def test_of_equations_the_error_falls_and_no_loss_is_told() -> None:
    shown = texts(draw_history(errors(3, 6), subject(), LIGHT))
    assert "law: the error went from 0.1 to 0.01 in 2 steps. The grid was refined: G = 3, 6." in shown
    assert not any("loss" in text for text in shown)


def test_a_loss_that_was_measured_once_is_a_dot_beside_the_curve() -> None:
    steps = [step | {"validation_loss": 0.5 if step["step"] == 1 else None} for step in history(3, 3, 3)]
    assert draw_history(steps, subject(), LIGHT).count("<circle") == 1


def test_refinements_of_the_grid_are_marked_in_the_history() -> None:
    shown = texts(draw_history(history(3, 3, 5, 5, 10), subject(), LIGHT))
    assert [label for label in shown if re.fullmatch(r"G = \d+", label)] == ["G = 5", "G = 10"]


def test_losses_that_a_logarithm_cannot_show_leave_a_gap() -> None:
    steps = history(3, 3, 3, 3, 3)
    steps[2]["loss"], steps[4]["validation_loss"] = 0.0, None
    training, validation = drawn(draw_history(steps, subject(), LIGHT), "series")
    assert training.attrib["d"].count("M") == 2
    assert len(points(validation)) == 4


def test_steps_of_several_rounds_stand_one_after_the_other() -> None:
    steps = [*history(3, 3, 3), *history(3, 3)]
    assert "4" in texts(draw_history(steps, subject(), LIGHT))


def test_rows_without_an_answer_are_left_out_and_counted() -> None:
    figures = parity(5)
    figures["parity"]["predicted"][2] = None
    svg = draw_parity(figures, subject(), LIGHT)
    assert svg.count("<circle") == 4
    assert "1 rows without a prediction are omitted." in svg


def test_a_model_that_answers_nothing_still_has_a_picture() -> None:
    figures = parity(2)
    figures["parity"]["predicted"] = [None, None]
    for draw in (draw_parity, draw_residuals):
        assert ElementTree.fromstring(draw(figures, subject(), LIGHT)).tag == f"{SVG}svg"


def test_a_right_prediction_stands_on_the_diagonal() -> None:
    figures = parity(3) | {"parity": {"true": [0.0, 1.0, 4.0], "predicted": [0.0, 1.0, 4.0]}}
    svg = draw_parity(figures, subject(), LIGHT)
    (x0, y0), (x1, y1) = points(drawn(svg, "diagonal")[0])
    assert len(dots(svg)) == 3
    for x, y in dots(svg):
        assert y0 + (x - x0) / (x1 - x0) * (y1 - y0) == pytest.approx(y, abs=0.2)


def test_counts_are_written_into_the_confusion_matrix_as_long_as_they_fit() -> None:
    few, many = ([f"class {place}" for place in range(count)] for count in (3, 40))
    assert texts(draw_confusion(classes(*few), subject(), LIGHT)).count("8") == 3
    assert "8" not in texts(draw_confusion(classes(*many), subject(), LIGHT))


def test_effects_of_the_most_important_features_are_drawn_and_it_is_said() -> None:
    effects = [effect(f"x{place}", "y") for place in range(14)]
    shown = texts(draw_effects(effects, subject(), LIGHT))
    assert sum(label.startswith("x") for label in shown) == 12
    assert "The 12 most important of 14 features are drawn." in " ".join(shown)


def test_rounding_of_a_constant_prediction_is_not_shown_as_an_effect() -> None:
    constant = effect("x", "y")
    constant["curves"][0] |= {"mean": [0.02 + place % 2 * 1e-17 for place in range(41)], "low": None}
    (path,) = drawn(draw_effects([constant], subject(), LIGHT), "series")
    heights = [y for _, y in points(path)]
    assert max(heights) - min(heights) < 0.1


def test_effects_of_several_classes_differ_in_more_than_colour() -> None:
    svg = draw_effects([effect("x", "a", "b", "c")], subject(log_loss=1.0), LIGHT)
    shown = {path.get("stroke"): path.get("stroke-dasharray") for path in drawn(svg, "series")}
    assert len({shown[colour] for colour in LIGHT.series[:3]}) == 3


def bar_lengths(svg: str) -> list[float]:
    return [max(x for x, _ in points(bar)) - min(x for x, _ in points(bar)) for bar in drawn(svg, "bars")]


def test_bars_are_as_long_as_what_they_stand_for() -> None:
    first, second = bar_lengths(draw_importance(importance("a", "b"), subject(), LIGHT))
    assert first == pytest.approx(2 * second, abs=0.2)


def test_a_feature_that_is_not_read_has_no_bar() -> None:
    document = importance("a", "b")
    document["features"][1] |= {"mean": 0.0, "std": 0.0}
    svg = draw_importance(document, subject(), LIGHT)
    assert bar_lengths(svg)[1] == 0
    assert "0" in texts(svg)


def test_a_law_of_two_columns_differs_in_its_dashes_which_run_on_along_a_line() -> None:
    levels = drawn(draw_density(density("a", "b"), subject(), LIGHT), "QuadContourSet")
    laws = [path for path in levels if path.get("stroke-dasharray")]
    assert (len(laws), len(levels)) == (3, 10)
    assert {path.attrib["d"].count("M") for path in levels} == {1}


def test_unknowns_of_one_variable_have_a_panel_each_because_they_are_different_quantities() -> None:
    svg = draw_solution(curves("x", "v"), subject(), LIGHT)
    above, below = (points(path) for path in drawn(svg, "series"))
    assert min(y for _, y in below) - max(y for _, y in above) > 0
    assert {"x", "v"} <= set(texts(svg))


def test_measurements_are_dots_upon_the_curve_and_it_is_said() -> None:
    svg = draw_solution(curves("y", measured=[[1.0, 0.8], [2.0, 0.9]]), subject(), LIGHT)
    assert len(dots(svg)) == 2
    assert "dots: measurements" in " ".join(texts(svg))
    assert "measured" not in draw_solution(curves("y"), subject(), LIGHT)


def test_dots_on_a_map_show_where_was_measured() -> None:
    svg = draw_solution(maps("u", measured=[[0.0, 4.0, 0.8], [4.0, 4.0, 0.9]]), subject(), LIGHT)
    left, right = dots(svg)
    clip = next(ElementTree.fromstring(svg).iter(f"{SVG}clipPath"))[0]
    assert right[0] - left[0] == pytest.approx(float(clip.attrib["width"]), abs=0.1)
    assert left[1] == right[1] == pytest.approx(float(clip.attrib["y"]), abs=0.1)
    assert "Dots: points of measurement." in " ".join(texts(svg))
    assert "measured" not in draw_solution(maps("u"), subject(), LIGHT)


def contours(svg: str) -> list[ElementTree.Element]:
    return [path for path in drawn(svg, "QuadContourSet") if path.get("fill") == "none" and path.get("d")]


def test_a_scale_tells_the_values_of_a_map_and_lines_below_0_are_dashed() -> None:
    svg = draw_solution(maps("u", of=lambda x, y: (x - 2) * (y - 2)), subject(), LIGHT)
    told = texts(svg)
    assert {"−2", "2"} <= set(told)
    assert "Dashed lines: values below 0." in " ".join(told)
    dashed = [path.get("stroke-dasharray") for path in contours(svg)]
    assert 0 < sum(bool(dash) for dash in dashed) < len(dashed)
    above = draw_solution(maps("u", of=lambda x, y: x + y), subject(), LIGHT)
    assert "stroke-dasharray" not in above
    assert "Dashed" not in above


def test_a_line_of_a_map_lies_where_the_value_is() -> None:
    lines = contours(draw_solution(maps("u", of=lambda x, y: x), subject(), LIGHT))
    assert len(lines) >= 3
    for path in lines:
        xs = [x for x, _ in points(path)]
        assert max(xs) - min(xs) <= 0.2


def test_an_unknown_that_is_the_same_everywhere_says_so_in_its_map() -> None:
    svg = draw_solution(maps("u", of=lambda x, y: 3.0), subject(), LIGHT)
    assert "u is 3 everywhere" in texts(svg)
    assert contours(svg) == []


def test_of_three_variables_the_slice_is_told() -> None:
    svg = draw_solution(maps("u", z=0.25), subject(), LIGHT)
    assert "Slice at z = 0.25, the middle of the range." in " ".join(texts(svg))


def test_a_solution_says_where_it_is_smallest_and_largest() -> None:
    svg = draw_solution(maps("u"), subject(**RESIDUALS), LIGHT)
    told = ElementTree.fromstring(svg).findtext(f"{SVG}desc", "")
    assert "u: from 0 at x = 0, y = 0 to 16 at x = 4, y = 4." in told
    assert "Relative residual: equations 2.5·10⁻⁹, conditions 0." in told


@pytest.mark.parametrize("order", [2, 3])
def test_errors_at_the_rate_of_the_splines_lie_along_the_dashed_line(order: int) -> None:
    svg = study(trained(order))
    (x0, y0), (x1, y1) = points(drawn(svg, "slope")[0])
    assert len(dots(svg)) == 4
    for x, y in dots(svg):
        assert y == pytest.approx(y0 + (x - x0) * (y1 - y0) / (x1 - x0), abs=0.5)
    assert {f"∝ G⁻{'⁰¹²³⁴⁵'[order + 1]}", "3", "5", "10", "20"} <= set(texts(svg))


def test_seeds_are_one_dot_at_their_median_with_their_range() -> None:
    seeds = [replace(each, error=factor * each.error) for each in trained() for factor in (1.0, 2.0, 8.0)]
    svg = study(seeds, has_slope=False)
    assert len(dots(svg)) == len(trained())
    (ranges,) = [path for path in drawn(svg, "LineCollection") if path.get("stroke-width") == "1.1"][:1]
    (x, low), (same, high) = points(ranges)
    assert x == same == pytest.approx(dots(svg)[0][0], abs=0.1)
    assert low > dots(svg)[0][1] > high
    assert "bars: minimum to maximum" in " ".join(texts(study(seeds)))


def test_an_mlp_beside_the_networks_has_no_slope_of_splines() -> None:
    mlps = [
        StudyTraining("MLP", grid=0, order=None, parameters=each.parameters, error=each.error)
        for each in trained()
    ]
    svg = study([*trained(), *mlps], across="parameters")
    assert [text for text in texts(svg) if "∝" in text] == ["∝ P⁻⁴"]
    assert "MLP" in texts(svg)
    assert "proportional to G" in " ".join(texts(svg))


def test_a_training_whose_time_is_not_known_is_no_dot_among_times() -> None:
    known = [*trained()[:-1], replace(trained()[-1], seconds=None)]
    svg = study(known, up="seconds", has_slope=False)
    assert svg.count("<circle") == len(known) - 1
    assert "seconds of training" in texts(svg)


def test_where_theory_promises_nothing_no_line_is_drawn() -> None:
    assert "∝" not in study(trained(), has_slope=False, metric="log loss")


def test_steps_are_counted_in_whole_numbers() -> None:
    shown = texts(draw_history(history(3, 3, 5, 5), subject(), LIGHT))
    assert {"0", "1", "2", "3"} <= set(shown)
    assert not {"1.5", "2.5"} & set(shown)


def test_residuals_have_the_unit_of_the_target() -> None:
    assert "true − predicted [dB]" in texts(draw_residuals(parity(), subject(), LIGHT))


def test_evaluations_are_dots_and_the_error_of_training_a_line_for_every_member() -> None:
    svg = draw_evaluations(evaluations("formula", "compact"), subject(), LIGHT)
    assert len(dots(svg)) == 8
    shown = texts(svg)
    for member in ("formula", "compact network"):
        assert {member, f"{member}, in training"} <= set(shown)


def test_evaluations_without_an_expected_error_have_no_line() -> None:
    told = [entry | {"expected_error": None} for entry in evaluations("formula")]
    assert "formula, in training" not in texts(draw_evaluations(told, subject(), LIGHT))


@settings(deadline=None, max_examples=15)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=5))
def test_any_numbers_have_a_picture(values: list[float]) -> None:
    figures = {"measured_on": "hold-out", "parity": {"true": values, "predicted": values[::-1]}}
    steps = [
        {"step": place, "grid": 3, "loss": value, "validation_loss": None}
        for place, value in enumerate(values)
    ]
    pictures = (
        draw_parity(figures, subject(), LIGHT),
        draw_residuals(figures, subject(), LIGHT),
        draw_history(steps, subject(), LIGHT),
    )
    for svg in pictures:
        assert ElementTree.fromstring(svg).tag == f"{SVG}svg"
        assert not re.search(r"\b(nan|inf)\b", svg)
