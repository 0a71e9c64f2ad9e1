"""Write anew what the OpenAPI document shows, when operations have changed: `python -m tests.tour`."""

import tempfile
from pathlib import Path

from tests.tour.noting import written
from tests.tour.way import make_tour

FILE = Path("service/api/openapi/examples.json")

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        FILE.write_text(written(make_tour(Path(scratch))), encoding="utf-8")
