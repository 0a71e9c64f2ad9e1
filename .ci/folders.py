"""Folders of code hold at most twenty modules: ``python .ci/folders.py`` names those that hold more."""

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST = 20
SOURCES = ("kan_engine", "worker", "service", "migrations", "tests")


def main() -> int:
    """The exit code: 1 if a folder holds more."""
    files = [path for source in SOURCES for path in (ROOT / source).rglob("*.[pj][ys]")]
    counted = Counter(path.parent for path in files if path.name != "__init__.py")
    full = {folder: count for folder, count in counted.items() if count > MOST}
    for folder, count in full.items():
        sys.stderr.write(f"{folder.relative_to(ROOT)} holds {count} modules, {MOST} at most; sort them\n")
    return 1 if full else 0


if __name__ == "__main__":
    sys.exit(main())
