"""What a picture says, as tests read it."""

import re
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
WORD = re.compile(r"[A-Za-z]{2,}")
# Names of quantities and of functions are the same in every language.
INTERNATIONAL = {"RMSE", "MAE", "ROC", "AUC", "log", "loss", "sin"}


def all_words(svg: str) -> list[str]:
    """Labels, the title, the description, and what is told of parts that are pointed at."""
    elements = ElementTree.fromstring(svg).iter()
    tags = {f"{SVG}{name}" for name in ("text", "title", "desc")}
    return [element.text or "" for element in elements if element.tag in tags]


def english_in(svg: str, *names: str) -> set[str]:
    """Latin words, but for names."""
    words = {word for text in all_words(svg) for word in WORD.findall(text)}
    return words - INTERNATIONAL - {word for name in names for word in WORD.findall(name)}
