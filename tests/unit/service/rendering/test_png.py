"""Pictures in pixels: of the size that was asked for, with text, and never too many."""

import struct
import zlib

import pytest

from kan_engine.drawing.svg import LIGHT, svg_document, text_element
from service.errors import Invalid
from service.rendering.png import to_png

SIGNS = "x̄ φ λ Ж ² √ − × · ≤ ∝ → ⁻⁴ ‰"


def picture(*body: str, width: float = 300, height: float = 100) -> str:
    return svg_document(width, height, title="t", description="d", theme=LIGHT, body=body)


def pixels(png: bytes) -> tuple[int, int, set[bytes]]:
    """Width, height and the different lines of a PNG with eight bits a channel."""
    width, height = struct.unpack(">II", png[16:24])
    at, data = 8, b""
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += size + 12
    raw = zlib.decompress(data)
    stride = len(raw) // height
    return width, height, {raw[row * stride + 1 : (row + 1) * stride] for row in range(height)}


@pytest.mark.parametrize("width", [200, 1200, 4000])
def test_a_png_has_the_width_that_was_asked_for_and_the_shape_of_the_picture(width: int) -> None:
    assert pixels(to_png(picture(), width))[:2] in {(width, width // 3), (width, -(-width // 3))}


def test_text_is_drawn_without_any_font_of_the_machine() -> None:
    blank = pixels(to_png(picture(), 300))[2]
    written = pixels(to_png(picture(text_element("Temperature", 20, 50, fill=LIGHT.ink)), 300))[2]
    assert len(written) > len(blank) + 5


@pytest.mark.parametrize("sign", SIGNS.split())
def test_the_font_has_the_signs_that_we_write(sign: str) -> None:
    unknown, known = (to_png(picture(text_element(c, 20, 50, fill=LIGHT.ink)), 300) for c in ("\u5730", sign))
    assert unknown != known


def test_a_picture_with_too_many_pixels_is_refused_with_a_width_that_is_possible() -> None:
    tall = picture(width=100, height=2_000)
    with pytest.raises(Invalid) as refused:
        to_png(tall, 4_000)
    assert refused.value.code == "picture_too_large"
    assert pixels(to_png(tall, refused.value.extra["limit"] // 20))[0] == refused.value.extra["limit"] // 20
