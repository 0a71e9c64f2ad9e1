"""The notebook of the documentation prints what it shows, and a kernel displays what was found."""

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


def test_the_notebook_of_the_documentation_shows_a_formula_and_a_network() -> None:
    import nbformat

    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    shown = [output.data.get("text/html", "") for cell in cells for output in cell.get("outputs", ())]
    assert any("<math" in text and "<svg" in text for text in shown)


FIT = """
import numpy as np
from kan_engine import KANRegressor, solve
x = np.random.default_rng(0).uniform(1, 2, (60, 2))
model = KANRegressor(max_seconds=10, max_complexity=9)
"""


@pytest.mark.filterwarnings("ignore")  # of the kernel's own connections
def test_a_cell_that_ends_with_a_model_shows_formula_verdict_and_picture() -> None:
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    equation = """solve(["y' = -y"], unknowns=["y"], domain={"x": [0, 1]}, conditions=["y(0) = 1"])"""
    cells = [FIT, "model", "model.fit(x, x[:, 0] * x[:, 1])", "model.plot()", equation]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parents[1])}}
    ).execute()
    _, unfitted, fitted, drawing, solved = (
        {kind: text for output in cell.outputs for kind, text in output.get("data", {}).items()}
        for cell in notebook.cells
    )
    assert "Not fitted" in unfitted["text/html"]
    assert all(part in fitted["text/html"] for part in ("<math", "exact", "<svg"))
    assert drawing["image/svg+xml"].startswith("<svg")
    assert "<math" in solved["text/html"]


def printed(cell: Any) -> list[str]:
    """The texts that a cell shows."""
    return [output.data.get("text/plain", "") for output in cell.get("outputs", ()) if "data" in output]
