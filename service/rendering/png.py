"""Conversion of SVG pictures to PNG with a bundled font, so that the bytes are equal on every machine.

The bundled font is DejaVu Sans, with Latin, Greek, Cyrillic and mathematical characters. Other characters,
such as Chinese, are empty boxes in a PNG; the SVG shows them correctly.

Rendering takes up to seconds and blocks all other threads, so it runs in a child process.
"""

import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from importlib import resources

import resvg_py

from service.errors import Invalid
from service.process_limits import end_with_parent

COMMAND = (sys.executable, "-m", "service.rendering.png")
FONT_FOLDER = ("web", "fonts")
SVG_SIZE = re.compile(r'\A<svg [^>]*? width="([0-9.e+]+)" height="([0-9.e+]+)"')


@dataclass(frozen=True, kw_only=True)
class PngLimits:
    """The limits of a picture in pixels and of the process that renders it.

    Attributes:
        max_pixels: 160 MB during rendering.
        memory_bytes, timeout_s: Many times what the largest picture needs.
    """

    max_pixels: int = 40_000_000
    memory_bytes: int = 2**30
    timeout_s: int = 60


DEFAULT_LIMITS = PngLimits()


def to_png(svg: str, width: int, *, limits: PngLimits = DEFAULT_LIMITS) -> bytes:
    """Render a picture as PNG, with the aspect ratio of the SVG.

    Args:
        svg: A picture of this service.
        width: Width in pixels.
        limits: Of the picture and of the process.

    Raises:
        Invalid: The picture would have too many pixels.
    """
    match = SVG_SIZE.match(svg)
    assert match is not None  # noqa: S101 - all pictures of this service begin so
    height = round(float(match[2]) / float(match[1]) * width)
    if width * height > limits.max_pixels:
        max_width = int((limits.max_pixels * width / height) ** 0.5)
        detail = f"a PNG of {width} x {height} pixels is too large; ask for a width of at most {max_width}"
        place = {"parameter": "width", "in": "query"}
        raise Invalid.make_at("picture_too_large", detail, place, limit=max_width)
    arguments = map(str, (width, limits.memory_bytes, limits.timeout_s))
    process = subprocess.run(  # noqa: S603  # our own command
        [*COMMAND, *arguments], input=svg.encode(), capture_output=True, check=True, timeout=limits.timeout_s
    )
    return process.stdout


def main() -> None:
    """Read an SVG from standard input and write a PNG to standard output."""
    end_with_parent()
    width, memory_bytes, timeout_s = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (timeout_s, timeout_s))
    with resources.as_file(resources.files("service").joinpath(*FONT_FOLDER)) as folder:
        png = resvg_py.svg_to_bytes(
            svg_string=sys.stdin.buffer.read().decode(),
            width=width,
            skip_system_fonts=True,
            font_dirs=[str(folder)],
            font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
        )
    sys.stdout.buffer.write(png)


if __name__ == "__main__":
    main()
