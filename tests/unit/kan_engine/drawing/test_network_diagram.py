"""The picture of a network of many curves: well-formed, complete, harmless whatever columns are called."""

import math
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from kan_engine.drawing.labels import CHARACTER_WIDTH, label_width
from kan_engine.drawing.layout import PlacedEdge, edge_function, lay_out
from kan_engine.drawing.network_diagram import draw_network
from kan_engine.drawing.style import DEFAULT_STYLE
from kan_engine.drawing.svg import DARK, LIGHT, Theme
from tests.support.engine.hostile_names import HOSTILE_NAMES
from tests.support.pictures import english_in

SVG = "{http://www.w3.org/2000/svg}"
ROOMS: dict[str, Any] = {
    "input_room": 40.0,
    "output_room": 40.0,
    "label_room": 20.0,
    "style": DEFAULT_STYLE,
}
GRID = [-1 + 0.02 * step for step in range(101)]


def make_edge(layer: int, start: int, to_layer: int, end: int, **change: Any) -> dict[str, Any]:
    return {
        "layer": layer,
        "in": start,
        "to_layer": to_layer,
        "out": end,
        "score": 0.5,
        "x": GRID,
        "y": [math.sin(3 * x) for x in GRID],
        "function": None,
        "suggestions": [],
    } | change


def make_picture(*width: int, **change: Any) -> dict[str, Any]:
    """A network with every edge between neighbouring layers."""
    edges = [
        make_edge(layer, i, layer + 1, j)
        for layer in range(len(width) - 1)
        for i in range(width[layer])
        for j in range(width[layer + 1])
    ]
    return {
        "inputs": [f"x{i + 1}" for i in range(width[0])],
        "outputs": [f"y{i + 1}" for i in range(width[-1])],
        "width": list(width),
        "nodes": [[{"name": f"node {layer}.{i}"} for i in range(nodes)] for layer, nodes in enumerate(width)],
        "edges": edges,
    } | change


def with_products(*width: int, direct: bool = False) -> dict[str, Any]:
    """A network with a hidden layer whose last node multiplies, and perhaps direct edges."""
    picture = make_picture(*width)
    for layer in picture["nodes"][1:]:
        for node in layer:
            node["operation"] = "sum"
    picture["nodes"][1][-1]["operation"] = "product"
    if direct:
        picture["edges"] += [make_edge(0, i, 2, j) for i in range(width[0]) for j in range(width[2])]
    return picture


def draw(picture: dict[str, Any], theme: Theme = LIGHT, **options: Any) -> str:
    """Draw any network in layers, as only those of many curves are otherwise."""
    style = replace(theme.diagram, panels=replace(theme.diagram.panels, max_curves=-1))
    return draw_network(picture, theme=replace(theme, diagram=style), **options)


def parsed(picture: dict[str, Any], **options: Any) -> ElementTree.Element:
    return ElementTree.fromstring(draw(picture, **options))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("width", [(1, 1), (2, 1, 1), (8, 10, 1), (20, 10, 3), (3, 2, 2, 1)])
def test_every_edge_has_a_box_and_every_node_a_dot(width: tuple[int, ...]) -> None:
    picture = make_picture(*width)
    root = parsed(picture)
    assert len(root.findall(f"{SVG}g")) == len(picture["edges"])
    assert len(root.findall(f"{SVG}circle")) == sum(width)


def test_inputs_are_at_the_bottom_and_outputs_on_top() -> None:
    nodes = lay_out(make_picture(2, 3, 1), **ROOMS).nodes
    heights = [{nodes[layer, node][1] for node in range(size)} for layer, size in enumerate((2, 3, 1))]
    assert all(len(height) == 1 for height in heights)
    assert max(heights[2]) < max(heights[1]) < max(heights[0])


@pytest.mark.parametrize("width", [(2, 1, 1), (8, 10, 1), (20, 10, 3), (40, 20, 12)])
def test_boxes_do_not_overlap_and_stay_inside(width: tuple[int, ...]) -> None:
    layout = lay_out(make_picture(*width), **ROOMS)
    centres = [placed.box for placed in layout.edges]
    for number, (x, y) in enumerate(centres):
        assert layout.box[0] / 2 < x < layout.width - layout.box[0] / 2
        assert 0 < y < layout.height
        for other_x, other_y in centres[:number]:
            assert abs(x - other_x) >= layout.box[0] or abs(y - other_y) >= layout.box[1]


def test_a_skipping_edge_is_dashed_and_keeps_away_from_hidden_nodes() -> None:
    picture = make_picture(2, 1, 1)
    picture["edges"] += [make_edge(0, 0, 2, 0), make_edge(0, 1, 2, 0)]
    layout = lay_out(picture, **ROOMS)
    hidden = layout.nodes[1, 0]
    for placed in layout.edges:
        if placed.skips_layers:
            assert placed.way[0][1] == hidden[1]
            assert abs(placed.way[0][0] - hidden[0]) > layout.box[0]
    assert draw(picture).count("stroke-dasharray") == 2


def along(placed: PlacedEdge) -> list[tuple[float, float]]:
    """Points close to each other on all lines of an edge, without the ends on its box."""
    lines = [*pairwise(placed.enters), *pairwise((*placed.leaves, *placed.way))]
    shares = [step / 50 for step in range(1, 50)]
    return [(a + t * (c - a), b + t * (d - b)) for (a, b), (c, d) in lines for t in shares]


@pytest.mark.parametrize(
    ("width", "direct"),
    [((3, 2, 1), True), ((8, 10, 1), False), ((20, 10, 3), False), ((12, 9, 2), True), ((2, 60, 1), True)],
)
def test_no_line_runs_behind_a_box(width: tuple[int, ...], direct: bool) -> None:
    layout = lay_out(with_products(*width, direct=direct), **ROOMS)
    across, up = layout.box[0] / 2 + 0.4, layout.box[1] / 2 - 0.1
    boxes = [placed.box for placed in layout.edges]
    for placed in layout.edges:
        for x, y in along(placed):
            assert not any(abs(x - box_x) < across and abs(y - box_y) < up for box_x, box_y in boxes)


@pytest.mark.parametrize("width", [(3, 2, 1), (3, 4, 1), (20, 10, 3)])
def test_direct_edges_keep_away_from_hidden_nodes(width: tuple[int, ...]) -> None:
    layout = lay_out(with_products(*width, direct=True), **ROOMS)
    hidden = [place for (layer, _), place in layout.nodes.items() if layer == 1]
    skipping = [placed for placed in layout.edges if placed.skips_layers]
    assert len(skipping) == width[0] * width[2]
    for placed in skipping:
        assert min(math.dist(point, node) for point in along(placed) for node in hidden) > 20


def test_columns_of_boxes_are_about_equally_high() -> None:
    layout = lay_out(make_picture(8, 10, 1), **ROOMS)
    columns = Counter(placed.box[0] for placed in layout.edges if placed.edge["layer"] == 0)
    assert set(columns.values()) == {2, 3}


def test_a_node_that_multiplies_bears_a_sign_and_says_so() -> None:
    root = parsed(with_products(3, 2, 1, direct=True))
    circles = {circle.findtext(f"{SVG}title"): circle for circle in root.findall(f"{SVG}circle")}
    product, total = circles["node 1.1, the product of its inputs"], circles["node 1.0"]
    assert float(product.attrib["r"]) > float(total.attrib["r"])
    (sign,) = (path for path in root.findall(f"{SVG}path") if path.get("stroke-linecap"))
    assert centre_of(sign) == pytest.approx([float(product.attrib[c]) for c in ("cx", "cy")], abs=0.1)
    assert "Nodes that multiply their inputs: node 1.1; all others add." in root.findtext(f"{SVG}desc", "")
    assert any("Nodes with × multiply their inputs" in text for text in texts(root))


def centre_of(path: ElementTree.Element) -> tuple[float, float]:
    points = [point.split(",") for point in re.findall(r"[-\d.]+,[-\d.]+", path.attrib["d"])]
    xs, ys = zip(*points, strict=True)
    return sum(map(float, xs)) / len(xs), sum(map(float, ys)) / len(ys)


def test_nodes_that_do_not_say_what_they_do_are_drawn_as_sums() -> None:
    told, untold = with_products(3, 2, 1), make_picture(3, 2, 1)
    told["nodes"][1][-1]["operation"] = "sum"
    assert draw(untold) == draw(told)
    assert "multiply" not in draw(untold)


def test_the_sign_is_not_explained_where_none_is_drawn() -> None:
    picture = with_products(3, 2, 1)
    picture["edges"] = [edge for edge in picture["edges"] if (edge["to_layer"], edge["out"]) == (1, 0)]
    assert "Nodes with ×" not in draw(picture)


def test_the_caption_fits_even_the_narrowest_picture() -> None:
    picture = with_products(1, 1, 1, direct=True)
    root = parsed(picture)
    caption = [
        text
        for text in root.iter(f"{SVG}text")
        if text.attrib["font-size"] == f"{DEFAULT_STYLE.caption_size:g}"
    ]
    assert " ".join(text.text or "" for text in caption).endswith("Dashed edges skip layers.")
    room, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert all(len(text.text or "") * CHARACTER_WIDTH * DEFAULT_STYLE.caption_size < room for text in caption)
    assert max(float(text.attrib["y"]) for text in caption) < height


def test_a_long_name_of_the_output_does_not_push_the_inputs_apart() -> None:
    short, long = (
        make_picture(12, 1, outputs=[name]) for name in ("y", "a name of thirty-five characters, y")
    )
    assert parsed(long).attrib["width"] == parsed(short).attrib["width"]


def test_ink_grows_with_the_score() -> None:
    picture = make_picture(3, 1)
    for edge, score in zip(picture["edges"], (0.0, 0.2, 0.8), strict=True):
        edge["score"] = score
    boxes = [group.find(f"{SVG}rect") for group in parsed(picture).findall(f"{SVG}g")]
    opacities = [float(box.attrib["stroke-opacity"]) for box in boxes if box is not None]
    assert opacities == sorted(set(opacities))
    assert opacities[-1] == 1


def test_functions_units_and_names_are_shown() -> None:
    picture = make_picture(2, 1, 1)
    picture["edges"][0]["function"] = "sin"
    svg = draw(picture, units={"x1": "m/s", "y1": "kJ"}, before="log(", after=")")
    root = ElementTree.fromstring(svg)
    assert {"x1 [m/s]", "x2", "log(y1 [kJ])", "sin"} <= set(texts(root))
    assert "x1 → node 1.0, sin, score 0.5" in [title.text for title in root.iter(f"{SVG}title")]


def test_words_say_what_of_the_target_the_network_gives() -> None:
    root = parsed(make_picture(2, 1), before="log(", after=")")
    assert "Outputs at the top: log(y1)." in root.findtext(f"{SVG}desc", "")
    assert "x1 → log(y1), score 0.5" in [title.text for title in root.iter(f"{SVG}title")]
    assert root.findtext(f"{SVG}title") == "Kolmogorov-Arnold network [2, 1] for y1"


@pytest.mark.parametrize(
    ("r2", "name"), [(1 - 1e-12, "sin"), (1 - 1e-6, ""), (None, "")], ids=["certain", "near", "undefined"]
)
def test_a_curve_is_named_after_the_simplest_function_that_it_is_without_doubt(
    r2: float | None, name: str
) -> None:
    fits = [("cos", 1 - 1e-12, 4), ("sin", r2, 3), ("x", 0.99, 1)] if name else [("sin", r2, 3)]
    edge = make_edge(0, 0, 1, 0, suggestions=[{"function": f, "r2": r, "complexity": c} for f, r, c in fits])
    assert edge_function(edge, style=DEFAULT_STYLE) == name


def test_the_picture_describes_itself_in_words() -> None:
    root = parsed(make_picture(2, 1, 1))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text == "Kolmogorov-Arnold network [2, 1, 1] for y1"
    assert description is not None
    assert "x1, x2" in (description.text or "")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_no_name_can_break_out_of_its_text(name: str) -> None:
    picture = make_picture(2, 1, inputs=[name, "x2"], outputs=[name])
    picture["edges"][0]["function"] = name or None
    root = ElementTree.fromstring(draw(picture, units={name: name}, before=name, after=name))
    allowed = {"svg", "title", "desc", "rect", "path", "g", "circle", "text"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= allowed
    assert not [key for element in root.iter() for key in element.attrib if key.startswith("on")]


def test_a_russian_drawing_has_no_english_words() -> None:
    picture = with_products(DEFAULT_STYLE.max_idle_inputs + 30, 2, 1, direct=True)
    picture["edges"] = picture["edges"][-9:] * (DEFAULT_STYLE.max_edges // 9 + 1)
    picture["edges"][0]["function"] = "sin"
    svg = draw(picture, theme=replace(LIGHT, language="ru"))
    assert english_in(svg, "node") == set()
    assert "Не показано" in svg


def test_every_edge_says_which_one_it_is() -> None:
    picture = with_products(3, 2, 1, direct=True)
    groups = parsed(picture).findall(f"{SVG}g")
    places = [tuple(int(group.attrib[f"data-{name}"]) for name in PLACE) for group in groups]
    assert places == [(e["layer"], e["in"], e["to_layer"], e["out"]) for e in picture["edges"]]


PLACE = ("layer", "in", "to-layer", "out")


def test_on_a_dark_ground_nothing_is_dark() -> None:
    svg = draw(with_products(3, 2, 1), theme=DARK)
    assert LIGHT.ink not in svg
    assert LIGHT.line not in svg
    assert LIGHT.paper not in svg
    assert f'fill="{DARK.paper}"' in svg


def test_the_same_network_gives_the_same_bytes() -> None:
    assert draw(make_picture(5, 4, 2)) == draw(make_picture(5, 4, 2))


def test_a_curve_has_a_gap_where_it_is_not_finite() -> None:
    picture = make_picture(1, 1)
    picture["edges"][0]["y"] = [None if step == 50 else 1 / (step - 50) for step in range(101)]
    curve = parsed(picture).find(f"{SVG}g/{SVG}path")
    assert curve is not None
    assert curve.attrib["d"].count("M") == 2


@pytest.mark.parametrize("y", [[2.5] * 101, [None] * 101])
def test_constant_and_undefined_curves_are_drawn_without_fuss(y: list[float | None]) -> None:
    picture = make_picture(1, 1)
    picture["edges"][0]["y"] = y
    assert not re.search(r"nan|inf", draw(picture))


def test_a_network_too_large_to_see_is_cut_to_its_strongest_edges_and_says_so() -> None:
    picture = make_picture(60, 20, 1)
    for number, edge in enumerate(picture["edges"]):
        edge["score"] = 1 / (1 + number)
    svg = draw(picture)
    assert svg.count("<g ") == DEFAULT_STYLE.max_edges
    assert f"{len(picture['edges']) - DEFAULT_STYLE.max_edges} weaker edges are not drawn." in svg
    assert "inputs are omitted: none of their edges is drawn." in svg
    assert len(svg) < 1_000_000


@pytest.mark.parametrize("inputs", [3, DEFAULT_STYLE.max_idle_inputs + 1])
def test_idle_inputs_are_shown_pale_unless_they_are_many(inputs: int) -> None:
    picture = make_picture(inputs, 1)
    picture["edges"] = picture["edges"][:1]
    assert len(parsed(picture).findall(f"{SVG}circle")) == (4 if inputs == 3 else 2)


def test_a_network_without_edges_is_still_a_picture() -> None:
    assert "x1" in texts(parsed(make_picture(2, 1, edges=[])))
    many = make_picture(DEFAULT_STYLE.max_idle_inputs + 1, 2, 1, edges=[])
    assert parsed(many).tag == f"{SVG}svg"


@pytest.mark.parametrize("name", ["a name of twenty char", "温度の測定値の平均"])
def test_names_beside_each_other_do_not_overlap(name: str) -> None:
    names = [name] * 5
    picture = make_picture(5, 4, 1, inputs=names)
    picture["edges"] = [edge for edge in picture["edges"] if edge["layer"] == 1 or edge["in"] != 2]
    words = [element for element in parsed(picture).iter(f"{SVG}text") if element.text == names[0]]
    centres = sorted(float(element.attrib["x"]) for element in words)
    assert min(b - a for a, b in pairwise(centres)) > label_width(name, style=DEFAULT_STYLE)


def test_long_names_are_slanted_and_shortened() -> None:
    root = parsed(make_picture(9, 1, inputs=["a name that is longer than anyone would like to read"] * 9))
    slanted = [element for element in root.iter(f"{SVG}text") if "transform" in element.attrib]
    assert len(slanted) == 9
    assert (slanted[0].text or "").endswith("…")
