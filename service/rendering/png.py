"""Conversion of SVG pictures to PNG with a bundled font, so that the bytes are equal on every machine.

The bundled font is DejaVu Sans, with Latin, Greek, Cyrillic and mathematical characters. Other characters,
such as Chinese, are empty boxes in a PNG; the SVG shows them correctly.

Rendering takes up to seconds and blocks all other threads, so it runs in a child process.
"""

import re
import resource
import subprocess
import sys
from importlib import resources

import resvg_py

from service.errors import Invalid
from service.process_limits import end_with_parent

COMMAND = (sys.executable, "-m", "service.rendering.png")
MAX_PIXELS = 40_000_000  # 160 MB during rendering
MEMORY_LIMIT_BYTES, TIMEOUT_SECONDS = 2**30, 60  # many times what the largest picture needs
FONT_FOLDER = ("web", "fonts")
SVG_SIZE = re.compile(r'\A<svg [^>]*? width="([0-9.e+]+)" height="([0-9.e+]+)"')


def to_png(svg: str, width: int) -> bytes:
    """Render a picture as PNG, with the aspect ratio of the SVG.

    Args:
        svg: A picture of this service.
        width: Width in pixels.

    Raises:
        Invalid: The picture would have more than ``MAX_PIXELS`` pixels.
    """
    found = SVG_SIZE.match(svg)
    assert found is not None  # noqa: S101 - all pictures of this service begin so
    height = round(float(found[2]) / float(found[1]) * width)
    if width * height > MAX_PIXELS:
        most = int((MAX_PIXELS * width / height) ** 0.5)
        detail = f"a PNG of {width} x {height} pixels is too large; ask for a width of at most {most}"
        entry = {"parameter": "width", "in": "query", "code": "picture_too_large", "detail": detail}
        raise Invalid("picture_too_large", detail, errors=[entry], limit=most)
    finished = subprocess.run(  # noqa: S603  # our own command
        [*COMMAND, str(width)], input=svg.encode(), capture_output=True, check=True, timeout=TIMEOUT_SECONDS
    )
    return finished.stdout


def main() -> None:
    """Read an SVG from standard input and write a PNG to standard output."""
    end_with_parent()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT_SECONDS, TIMEOUT_SECONDS))
    with resources.as_file(resources.files("service").joinpath(*FONT_FOLDER)) as folder:
        png = resvg_py.svg_to_bytes(
            svg_string=sys.stdin.buffer.read().decode(),
            width=int(sys.argv[1]),
            skip_system_fonts=True,
            font_dirs=[str(folder)],
            font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
        )
    sys.stdout.buffer.write(png)


if __name__ == "__main__":
    main()
