"""The picture of a network of few curves: legible, complete, in the client's units."""

import functools
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest

from kan_engine.drawing.fitted_text import text_width
from kan_engine.drawing.network_diagram import draw_network
from kan_engine.drawing.panels.curves import count_curves, mean_output, read_curves
from kan_engine.drawing.panels.layout import CurveLayout, lay_out_curves
from kan_engine.drawing.style import DEFAULT_STYLE
from kan_engine.drawing.svg import DARK, LIGHT, Theme
from tests.support.engine.hostile_names import HOSTILE_NAMES
from tests.support.pictures import SVG, all_words, english_in

PANELS = DEFAULT_STYLE.panels
GRID = [0.1 * step for step in range(61)]
LONG = "blast furnace slag (component 2) (kg in a m^3 mixture)"


def make_edge(layer: int, start: int, to_layer: int, end: int, **change: Any) -> dict[str, Any]:
    return {
        "layer": layer,
        "in": start,
        "to_layer": to_layer,
        "out": end,
        "score": 0.5,
        "x": GRID,
        "y": [math.sin(x) for x in GRID],
        "mean": 0.25,
        "function": None,
        "suggestions": [],
    } | change


def make_picture(width: tuple[int, ...], edges: list[dict[str, Any]], **change: Any) -> dict[str, Any]:
    nodes: list[list[dict[str, Any]]] = [
        [{"name": f"h{layer},{i + 1}", "operation": "sum"} for i in range(size)]
        for layer, size in enumerate(width)
    ]
    inputs, outputs = [f"x{i + 1}" for i in range(width[0])], [f"y{i + 1}" for i in range(width[-1])]
    return {
        "inputs": inputs,
        "outputs": outputs,
        "width": list(width),
        "nodes": nodes,
        "edges": edges,
        "level_curves": [],
        "unused": [],
    } | change


def additive(count: int, **change: Any) -> dict[str, Any]:
    return make_picture((count, 1), [make_edge(0, i, 1, 0) for i in range(count)], **change)


def dense(*width: int, **change: Any) -> dict[str, Any]:
    layers = range(len(width) - 1)
    edges = [
        make_edge(layer, i, layer + 1, j)
        for layer in layers
        for i in range(width[layer])
        for j in range(width[layer + 1])
    ]
    return make_picture(width, edges, **change)


def with_pairs(direct: int, pairs: int, products: int, **change: Any) -> dict[str, Any]:
    """A network with direct curves, sums of pairs of inputs, and products of pairs."""
    hidden, inputs = pairs + products, direct + 1
    edges = [make_edge(0, i % inputs, 1, j) for j in range(hidden) for i in (j, j + 1)]
    line = {"function": "x", "y": [3.0 * x for x in GRID]}
    edges += [make_edge(1, j, 2, 0, **(line if j >= pairs else {})) for j in range(hidden)]
    edges += [make_edge(0, i, 2, 0) for i in range(direct)]
    picture = make_picture((inputs, hidden, 1), edges, **change)
    for node in picture["nodes"][1][pairs:]:
        node["operation"] = "product"
    return picture


def with_levels(names: list[str], **change: Any) -> dict[str, Any]:
    """A network of a number and a category."""
    columns = len(names)
    levels = [{"level": name, "kind": "value", "value": 0.5 - place} for place, name in enumerate(names)] + [
        {"level": None, "kind": "other", "value": -0.25},
        {"level": None, "kind": "missing", "value": 1.5},
    ]
    curve = {
        "name": "kind",
        "layer": 0,
        "in": list(range(1, columns + 1)),
        "to_layer": 1,
        "out": 0,
        "score": 0.7,
        "levels": levels,
    }
    return additive(columns + 1, level_curves=[curve], **change)


SHAPES = {
    "one curve": additive(1),
    "five": additive(5),
    "twenty": additive(20),
    "long names": additive(7, inputs=[LONG + str(i) for i in range(7)], outputs=[LONG]),
    "wide letters": additive(4, inputs=["WWWWWWWWWWWWWWWW"] * 4, outputs=["MM%%@@" * 30]),
    "pairs": with_pairs(6, 3, 2),
    "only products": with_pairs(1, 0, 5),
    "one node of many inputs": dense(19, 1, 1),
    "two layers": dense(3, 2, 2, 1),
    "a chain": dense(1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
    "many outputs": dense(2, 10, outputs=[f"class {LONG} {i}" for i in range(10)]),
    "shared nodes": dense(4, 2, 3),
    "few levels": with_levels(["a", "month-to-month", "WWWWWWWWWWW"]),
    "many levels": with_levels([f"level {i}" for i in range(18)]),
    "huge numbers": additive(
        3, nodes=[[], [{"name": "y", "operation": "sum", "scale": 1e200, "offset": -1e9}]]
    ),
    "tiny numbers": additive(3, nodes=[[], [{"name": "y", "operation": "sum", "scale": 1.234e-30}]]),
    "unused": additive(2, unused=[f"a column of the client {i}" for i in range(300)]),
    "no curve": make_picture((3, 1), [], unused=["x1", "x2", "x3"]),
    "Chinese": additive(5, inputs=["温度の測定値の平均と標準偏差と中央値"] * 5),
}
every_shape = pytest.mark.parametrize("shape", SHAPES)


@functools.cache
def svg_of(shape: str, language: Any = "en") -> str:
    """A picture that several tests look at."""
    return draw_network(SHAPES[shape], theme=replace(LIGHT, language=language))


def parsed(picture: dict[str, Any], **options: Any) -> ElementTree.Element:
    return ElementTree.fromstring(draw_network(picture, **options))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def text_boxes(root: ElementTree.Element) -> Iterator[tuple[str, float, float, float, float]]:
    """Yield every text with its bounding box: left, top, right, bottom."""
    for element in root.iter(f"{SVG}text"):
        x, y, size = (float(element.attrib[name]) for name in ("x", "y", "font-size"))
        width = text_width(element.text or "", size)
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[element.attrib["text-anchor"]]
        yield element.text or "", left, y - 0.75 * size, left + width, y + 0.2 * size


@every_shape
@pytest.mark.parametrize("language", ["en", "ru"])
def test_texts_are_at_least_11_pixels_high_at_a_width_of_1000(shape: str, language: Any) -> None:
    root = ElementTree.fromstring(svg_of(shape, language))
    scale = 1000 / float(root.attrib["viewBox"].split()[2])
    assert all(float(text.attrib["font-size"]) * scale >= 11 for text in root.iter(f"{SVG}text"))


@every_shape
@pytest.mark.parametrize("language", ["en", "ru"])
def test_on_a_phone_texts_are_as_large_and_do_not_overlap(shape: str, language: Any) -> None:
    theme = replace(LIGHT, language=language, diagram=DEFAULT_STYLE.fit(358))
    root = parsed(SHAPES[shape], theme=theme)
    assert all(float(text.attrib["font-size"]) >= 11 for text in root.iter(f"{SVG}text"))
    for one, other in combinations(text_boxes(root), 2):
        across = min(one[3], other[3]) - max(one[1], other[1])
        up = min(one[4], other[4]) - max(one[2], other[2])
        assert min(across, up) <= 0.2, (one, other)


@pytest.mark.parametrize("width", [320, 358, 600, 804, 1000, 2000])
@pytest.mark.parametrize("name", ["twenty", "long names", "pairs", "one node of many inputs"])
def test_a_picture_is_as_narrow_as_its_page(name: str, width: int) -> None:
    root = parsed(SHAPES[name], theme=replace(LIGHT, diagram=DEFAULT_STYLE.fit(width)))
    assert float(root.attrib["width"]) <= width


def test_the_strongest_curves_are_drawn_with_what_they_enter_and_the_others_are_counted() -> None:
    weak = [make_edge(0, i, 1, i % 3, score=0.1 + 0.01 * i) for i in range(9)]
    strong = [make_edge(1, 0, 2, 0, score=0.9), make_edge(1, 1, 2, 0, score=0.8)]
    lost = make_edge(1, 2, 2, 0, score=0.01)  # without it, nothing of its node reaches the output
    picture = make_picture((9, 3, 1), [*weak, *strong, lost])
    root = parsed(picture, theme=replace(LIGHT, diagram=DEFAULT_STYLE.show_strongest(6)))
    drawn = [
        (int(group.attrib["data-layer"]), int(group.attrib["data-in"])) for group in root.findall(f"{SVG}g")
    ]
    assert sorted(drawn) == [(0, 6), (0, 7), (1, 0), (1, 1)]
    assert any("8 weaker edges are not drawn." in text for text in texts(root))


@every_shape
@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_text_overlaps_another(shape: str, language: Any) -> None:
    boxes = list(text_boxes(ElementTree.fromstring(svg_of(shape, language))))
    for one, other in combinations(boxes, 2):
        across = min(one[3], other[3]) - max(one[1], other[1])
        up = min(one[4], other[4]) - max(one[2], other[2])
        assert min(across, up) <= 0.2, (one, other)


@every_shape
def test_no_text_is_cut_by_the_picture_or_its_panel(shape: str) -> None:
    root = ElementTree.fromstring(svg_of(shape))
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    for text, left, top, right, bottom in text_boxes(root):
        assert (left >= 0, top >= 0, right <= width, bottom <= height) == (True,) * 4, text
    for group in root.findall(f"{SVG}g"):
        frame = group.find(f"{SVG}rect")
        assert frame is not None
        x, y, w, h = (float(frame.attrib[name]) for name in ("x", "y", "width", "height"))
        for text, left, top, right, bottom in text_boxes(group):
            assert (left >= x, top >= y, right <= x + w, bottom <= y + h) == (True,) * 4, text


@every_shape
def test_panels_do_not_overlap_and_every_curve_has_one(shape: str) -> None:
    picture = SHAPES[shape]
    layout = lay_out(picture)
    assert len(layout.panels) == len(read_curves(picture, style=DEFAULT_STYLE))
    for one, other in combinations(layout.panels, 2):
        across = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
        up = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
        assert min(across, up) <= 0


def lay_out(picture: dict[str, Any]) -> CurveLayout:
    last = len(picture["width"]) - 1
    outputs = [(last, number) for number in range(picture["width"][-1])]
    return lay_out_curves(read_curves(picture, style=DEFAULT_STYLE), outputs, PANELS, head_room=40)


@every_shape
def test_no_line_crosses_a_panel(shape: str) -> None:
    picture = SHAPES[shape]
    layout = lay_out(picture)
    for line in layout.lines:
        (x, y), (to_x, to_y) = line.points
        for share in (step / 100 for step in range(101)):
            at = x + share * (to_x - x), y + share * (to_y - y)
            inside = [
                panel
                for panel in layout.panels
                if panel.left + 0.1 < at[0] < panel.left + panel.width - 0.1
                and panel.top + 0.1 < at[1] < panel.top + panel.height - 0.1
            ]
            assert not inside, (line, inside)


def test_a_picture_is_at_most_1000_pixels_wide() -> None:
    assert all(lay_out(picture).width <= PANELS.width for picture in SHAPES.values())


def test_more_than_twenty_curves_are_drawn_in_layers() -> None:
    assert "the sum of the curves" in draw_network(additive(20))
    assert "the sum of the curves" not in draw_network(additive(21))


def test_a_category_and_lines_from_products_do_not_count_as_many_curves() -> None:
    assert count_curves(with_levels([f"level {i}" for i in range(18)])) == 2
    assert count_curves(with_pairs(6, 3, 2)) == 6 + 3 * 3 + 2 * 2


def test_a_category_is_one_panel_with_a_bar_per_level() -> None:
    root = parsed(with_levels(["car", "train"]))
    groups = root.findall(f"{SVG}g")
    assert len(groups) == 2
    bars = [
        path.findtext(f"{SVG}title")
        for path in groups[0].findall(f"{SVG}path")
        if path.find(f"{SVG}title") is not None
    ]
    assert bars == ["kind = car: 0", "kind = train: −1", "kind = other: −0.75", "kind = missing: +1"]
    assert {"kind", "car", "train", "other", "missing"} <= set(texts(root))


@pytest.mark.parametrize("name", ["a", "mm", "car", "W", "level 1", "i"])
def test_short_names_of_levels_are_not_shortened(name: str) -> None:
    picture = with_levels([name])
    del picture["level_curves"][0]["levels"][1:]
    assert name in texts(parsed(picture))


def test_a_category_of_many_levels_counts_them_and_names_them_in_the_tooltip() -> None:
    names = [f"level {i}" for i in range(18)]
    root = parsed(with_levels(names))
    (label,) = (text for text in root.iter(f"{SVG}text") if text.text == "20 levels")
    assert label.findtext(f"{SVG}title") == ", ".join([*names, "other", "missing"])


def test_bars_are_in_the_data_of_one_group_that_names_the_first_column() -> None:
    group = parsed(with_levels(["car", "train"])).findall(f"{SVG}g")[0]
    place = {name: group.attrib[f"data-{name}"] for name in ("layer", "in", "to-layer", "out")}
    assert place == {"layer": "0", "in": "1", "to-layer": "1", "out": "0"}


def test_unused_inputs_are_named_below_and_not_drawn() -> None:
    picture = additive(2, inputs=["a", "b", "c", "d"], unused=["c", "d"])
    root = parsed(picture)
    assert texts(root)[-1] == "Unused: c, d."
    assert not {"c", "d"} & set(texts(root))


def test_many_unused_inputs_are_counted_and_listed_in_the_tooltip() -> None:
    unused = SHAPES["unused"]["unused"]
    label = list(parsed(SHAPES["unused"]).iter(f"{SVG}text"))[-1]
    told = re.fullmatch(r"Unused: .* and (\d+) more\.", label.text or "")
    assert told is not None
    assert (label.text or "").count(",") + 1 + int(told[1]) == len(unused)
    assert label.findtext(f"{SVG}title") == ", ".join(unused)


def test_documents_of_older_models_are_drawn_with_what_they_have() -> None:
    picture = additive(2, inputs=["a", "b", "c"])
    for name in ("level_curves", "unused"):
        del picture[name]
    for edge in picture["edges"]:
        del edge["mean"]
    told = texts(parsed(picture))
    assert "Unused: c." in told
    assert not [text for text in told if "relative to their means" in text or "sum of the curves" in text]


def test_a_long_name_is_shortened_and_its_tooltip_has_it_in_full() -> None:
    root = parsed(additive(1, inputs=[LONG]))
    (label,) = (text for text in root.iter(f"{SVG}text") if (text.text or "").startswith("blast"))
    assert (label.text or "").endswith("…")
    assert label.findtext(f"{SVG}title") == LONG


def test_contributions_are_in_units_of_the_output_and_relative_to_their_mean() -> None:
    output = {"name": "y", "operation": "sum", "scale": 10.0, "offset": 7.0}
    picture = additive(1, nodes=[[], [output]])
    picture["edges"][0] |= {"y": [0.02 * x for x in GRID], "mean": 0.05}
    (curve,) = read_curves(picture, style=DEFAULT_STYLE)
    assert curve.y == pytest.approx([10 * (0.02 * x - 0.05) for x in GRID])
    assert mean_output(picture, 0) == pytest.approx(7.5)
    assert {"= 7.5 + the sum of the curves", "+0.7", "−0.5", "0", "6"} <= set(texts(parsed(picture)))


def test_the_mean_and_the_curves_add_up_to_the_output() -> None:
    output = {"name": "y", "operation": "sum", "scale": 3.0, "offset": -2.0}
    picture = additive(3, nodes=[[], [output]])
    total = -2.0 + 3.0 * sum(edge["y"][7] for edge in picture["edges"])
    mean = mean_output(picture, 0)
    assert mean is not None
    assert mean + sum(
        curve.y[7] or 0.0 for curve in read_curves(picture, style=DEFAULT_STYLE)
    ) == pytest.approx(total)


def test_a_product_times_its_factor_adds_to_the_output() -> None:
    picture = with_pairs(1, 0, 1)
    picture["nodes"][2][0] |= {"scale": 2.0, "offset": 4.0}
    (line,) = (edge for edge in picture["edges"] if edge["layer"] == 1)
    line |= {"y": [3.0 * x + 0.5 for x in GRID], "mean": 7.0}
    direct, product = picture["edges"][-1]["y"][7], 1.5
    curves = read_curves(picture, style=DEFAULT_STYLE)
    (factor,) = (curve.slope for curve in curves if curve.is_line)
    (shown,) = (curve.y[7] for curve in curves if curve.source[0] == 0 and curve.target[0] == 2)
    mean = mean_output(picture, 0)
    assert None not in (mean, shown, factor)
    assert (mean or 0.0) + (shown or 0.0) + (factor or 0.0) * product == pytest.approx(
        4.0 + 2.0 * (direct + 3.0 * product + 0.5)
    )


def test_factors_of_a_product_keep_their_values() -> None:
    factors = [
        curve for curve in read_curves(with_pairs(1, 1, 1), style=DEFAULT_STYLE) if curve.target == (1, 1)
    ]
    assert len(factors) == 2
    assert all(curve.y == tuple(math.sin(x) for x in GRID) for curve in factors)


def test_what_enters_a_hidden_sum_and_its_value_are_relative_to_their_means() -> None:
    curves = read_curves(with_pairs(1, 1, 1), style=DEFAULT_STYLE)
    for curve in curves:
        if curve.target == (1, 0):
            assert curve.y == pytest.approx([math.sin(x) - 0.25 for x in GRID])
    (outer,) = (curve for curve in curves if curve.source == (1, 0))
    assert outer.x == pytest.approx([x - 0.5 for x in GRID])  # two curves enter, with a mean of 0.25 each


def test_a_line_from_a_product_is_a_small_box_with_its_slope() -> None:
    picture = with_pairs(0, 0, 1)
    picture["nodes"][2][0] |= {"scale": 2.0, "offset": 0.0}
    root = parsed(picture)
    assert "× 6" in texts(root)
    assert "h1,1, the product of its inputs" in [title.text for title in root.iter(f"{SVG}title")]


def test_the_strongest_curves_come_first() -> None:
    picture = additive(3)
    for edge, score in zip(picture["edges"], (0.1, 0.9, 0.5), strict=True):
        edge["score"] = score
    groups = parsed(picture).findall(f"{SVG}g")
    assert [group.attrib["data-in"] for group in groups] == ["1", "2", "0"]
    opacities = [float(group[1].attrib["stroke-opacity"]) for group in groups]
    assert opacities == sorted(set(opacities), reverse=True)


def test_units_and_functions_are_shown() -> None:
    picture = additive(2)
    picture["edges"][0]["function"] = "sin"
    root = parsed(picture, units={"x1": "m/s", "y1": "kJ"}, before="log(", after=")")
    assert {"m/s", "log(y1 [kJ])", "sin"} <= set(texts(root))
    assert "x1 → log(y1 [kJ]), sin, score 0.5" in [title.text for title in root.iter(f"{SVG}title")]


def test_a_hidden_node_that_several_curves_leave_is_drawn_once() -> None:
    names = Counter(text for text in texts(parsed(dense(4, 2, 3))) if text.startswith("h1"))
    assert names == {"h1,1": 4, "h1,2": 4}  # three panels refer to each, and each has a section


@every_shape
def test_a_russian_picture_has_no_english_words(shape: str) -> None:
    picture = SHAPES[shape]
    svg = svg_of(shape, "ru")
    names = [*picture["inputs"], *picture["outputs"], *picture["unused"], "kind", "h level month to car W"]
    levels = [str(level["level"]) for curve in picture["level_curves"] for level in curve["levels"]]
    assert english_in(svg, *names, *levels) - {"None"} - shortened(svg) == set()


def shortened(svg: str) -> set[str]:
    """Words of names that end in an ellipsis."""
    return {word for told in all_words(svg) if "…" in told for word in re.findall("[A-Za-z]{2,}", told)}


def test_on_a_dark_ground_nothing_is_dark() -> None:
    svg = draw_network(SHAPES["few levels"], theme=DARK)
    assert not [colour for colour in (LIGHT.ink, LIGHT.line, LIGHT.paper, LIGHT.spline) if colour in svg]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_same_network_gives_the_same_bytes(theme: Theme) -> None:
    assert draw_network(with_pairs(6, 3, 2), theme=theme) == draw_network(with_pairs(6, 3, 2), theme=theme)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_no_name_can_break_out_of_its_text(name: str) -> None:
    picture = with_levels([name, "b"], outputs=[name], unused=[name])
    picture["inputs"][0] = picture["level_curves"][0]["name"] = name
    picture["edges"][0]["function"] = name or None
    root = ElementTree.fromstring(draw_network(picture, units={name: name}, before=name, after=name))
    allowed = {"svg", "title", "desc", "rect", "path", "g", "circle", "text"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= allowed
    assert not [key for element in root.iter() for key in element.attrib if key.startswith("on")]


def test_a_curve_has_a_gap_where_it_is_not_finite() -> None:
    picture = additive(1)
    picture["edges"][0]["y"] = [None if step == 30 else 1 / (step - 30) for step in range(61)]
    (curve,) = (path for path in parsed(picture).iter(f"{SVG}path") if path.get("stroke-linejoin"))
    assert curve.attrib["d"].count("M") == 2


@pytest.mark.parametrize("y", [[2.5] * 61, [None] * 61])
def test_constant_and_undefined_curves_are_drawn(y: list[float | None]) -> None:
    picture = additive(1)
    picture["edges"][0]["y"] = y
    assert not re.search(r"nan|inf", draw_network(picture))


def test_the_picture_describes_itself_in_words() -> None:
    told = parsed(with_pairs(2, 0, 1, unused=["z"])).findtext(f"{SVG}desc", "")
    assert "Outputs at the top: y1." in told
    assert "Nodes that multiply their inputs: h1,1; all others add." in told
    assert "5 curves, the strongest first:" in told
    assert told.endswith("Unused: z.")
