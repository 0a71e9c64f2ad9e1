"""MathML is XML that says what the LaTeX says, whatever columns are called."""

from xml.etree import ElementTree as ET

import pytest

from kan_engine.expressions.evaluation import Variable, call, number
from kan_engine.expressions.printing.latex import to_latex
from kan_engine.expressions.printing.mathml import to_mathml

M = "{http://www.w3.org/1998/Math/MathML}"


def elements(mathml: str) -> list[tuple[str, str]]:
    """Tags and texts, in order; names of elements without their namespace."""
    return [(node.tag.removeprefix(M), node.text or "") for node in ET.fromstring(mathml).iter()]


def test_a_formula_becomes_one_block_of_mathml() -> None:
    found = elements(to_mathml(r"\frac{\sin\left(\pi x_{1}\right)}{2}"))
    assert found[0][0] == "math"
    assert [text for _, text in found if text] == ["sin", "(", "π", "x", "1", ")", "2"]
    assert ("mfrac", "") in found


@pytest.mark.parametrize(
    "name",
    [
        "cement_kg_m3",
        "".join(map(chr, range(32, 127))),
        "</mi><script>",
        "naïve_°C",
        "температура",
        "ω̂ 2",
        "$",
    ],
)
def test_a_column_is_one_word_with_its_own_name(name: str) -> None:
    tree = call("sin", Variable(name)) + 2 * Variable(name)
    words = [text for tag, text in elements(to_mathml(to_latex(tree))) if tag == "mi"]
    assert [word for word in words if word != "sin"] == [name.replace("\u0302", "")] * 2


@pytest.mark.parametrize(
    ("formula", "stretch"),
    [
        (r"\sin\left(x\right)", ["false", "false"]),
        (r"\left(\frac{x}{y}\right)^{2}", ["true", "true"]),
        (r"\sin\left(x\right) \left|\sqrt{x}\right|", ["false", "false", "true", "true"]),
        (r"\left(\sin\left(x\right) + \frac{x}{2}\right)", ["true", "false", "false", "true"]),
    ],
)
def test_only_brackets_around_something_tall_stretch(formula: str, stretch: list[str]) -> None:
    nodes = ET.fromstring(to_mathml(formula)).iter(f"{M}mo")
    assert [node.attrib["stretchy"] for node in nodes if "fence" in node.attrib] == stretch


def test_bars_are_separated_from_what_they_enclose() -> None:
    left, right = ET.fromstring(to_mathml(r"\left|x\right|")).iter(f"{M}mo")
    assert left.attrib["rspace"] == right.attrib["lspace"] == "0.12em"


def test_a_function_that_tex_does_not_know_is_an_identifier() -> None:
    assert ("mi", "arsinh") in elements(to_mathml(r"\operatorname{arsinh}^{2}\left(x\right)"))


def test_factors_stand_apart_and_terms_need_no_further_space() -> None:
    tags = [tag for tag, _ in elements(to_mathml(to_latex(2 * Variable("x") * Variable("y") - number(1))))]
    assert tags.count("mspace") == 2
