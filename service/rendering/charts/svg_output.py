"""SVG of Matplotlib in the form of our pictures: words for screen readers, no styles, no references.

The content security policy of the page blocks style sheets and inline styles; the page removes ``use``.
"""

import io
from collections.abc import Iterator
from xml.etree import ElementTree

from matplotlib.figure import Figure

from kan_engine.drawing.svg import Theme, svg_document

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
DECLARATION = ' xmlns="http://www.w3.org/2000/svg"'
# Matplotlib states these once, in a style sheet.
JOINS = '<g stroke-linejoin="round" stroke-linecap="butt">'
ElementTree.register_namespace("", SVG[1:-1])


def write_svg(figure: Figure, *, title: str, description: str, theme: Theme) -> str:
    """Draw a figure with 72 pixels per inch. Screen readers read ``title`` and ``description``."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314  # written by Matplotlib
    for tag in (f"{SVG}metadata", "{*}style"):
        for parent in [element for element in root.iter() if element.find(tag) is not None]:
            for child in parent.findall(tag):
                parent.remove(child)
    _replace_references(root)
    for element in root.iter():
        _replace_style(element)
    body = "".join(ElementTree.tostring(child, "unicode").replace(DECLARATION, "") for child in root)
    width, height = figure.get_size_inches() * 72
    return svg_document(
        width, height, title=title, description=description, theme=theme, body=[f"{JOINS}{body}</g>"]
    )


def _replace_references(root: ElementTree.Element) -> None:
    """Put the marker itself where a reference to it is."""
    markers = {element.get("id", ""): element for element in root.iter(f"{SVG}path")}
    for parent in list(root.iter()):
        for place, child in enumerate(parent):
            if child.tag == f"{SVG}use":
                parent[place] = _copy_marker(markers[child.attrib[LINK].removeprefix("#")], child)
    for parent in list(root.iter()):
        for definitions in parent.findall(f"{SVG}defs"):
            if definitions.find(f"{SVG}clipPath") is None:
                parent.remove(definitions)


def _copy_marker(marker: ElementTree.Element, use: ElementTree.Element) -> ElementTree.Element:
    """Return the marker at the place of its use: a circle where it is round, else a path."""
    path, x, y = marker.attrib["d"], use.get("x", "0"), use.get("y", "0")
    copy = ElementTree.Element(f"{SVG}path", d=path, transform=f"translate({x} {y})")
    if "C" in path:
        copy = ElementTree.Element(f"{SVG}circle", cx=x, cy=y, r=path.split()[2])
    copy.set("style", f"{marker.get('style', '')}; {use.get('style', '')}")
    return copy


def _replace_style(element: ElementTree.Element) -> None:
    """Write the style of an element as attributes, and the name of a group as its class."""
    if element.tag == f"{SVG}g" and (name := element.attrib.pop("id", None)):
        element.set("class", name)
    for name, value in _read_style(element.attrib.pop("style", "")):
        element.set(name, value)


def _read_style(style: str) -> Iterator[tuple[str, str]]:
    """Yield the properties of a style. Of a font only size and weight: the family is that of the document."""
    for entry in filter(str.strip, style.split(";")):
        name, _, value = (part.strip() for part in entry.partition(":"))
        if name != "font":
            yield name, value
            continue
        words = value.partition("'")[0].split()
        yield "font-size", next(word for word in words if word.endswith("px"))
        if {"bold", "700"} & set(words):
            yield "font-weight", "bold"
