"""The notebook of the documentation prints what it shows."""

from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "from-python.ipynb"


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")  # of the kernel's own connections
def test_every_cell_prints_what_it_shows() -> None:
    import nbformat  # takes longer than most tests, and every process collects this one
    from nbclient import NotebookClient

    shown = nbformat.read(NOTEBOOK, as_version=4)
    again = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(again, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parents[1])}}).execute()
    for old, new in zip(shown.cells, again.cells, strict=True):
        assert printed(new) == printed(old), old.source


def printed(cell: Any) -> list[str]:
    """The texts that a cell shows."""
    return [output.data.get("text/plain", "") for output in cell.get("outputs", ()) if "data" in output]
