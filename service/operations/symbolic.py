"""The formulas of a model, as JSON and in other languages."""

from collections.abc import Callable, Mapping
from typing import Any

from kan_engine import latex, printers
from kan_engine.expression import Expression, from_json
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.errors import Conflict
from service.schemas.models import FormulaFormat

Formulas = dict[str, Any]


def read_formulas(reference: str, sessions: Sessions) -> Formulas:
    """The Symbolic document of a model, with the expression trees that clients do not see.

    Raises:
        NotFound: There is no such model.
        Conflict: The model has no formula.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        symbolic = model.symbolic
    if symbolic is None:
        detail = (
            f"model {model.id} has no formula: none was asked for, or none could be read off; its curves are "
            f'at /models/{model.id}/edges, and a job with "symbolic": true looks for a formula'
        )
        raise Conflict("no_formula", detail)
    return {"model_id": model.id, **symbolic}


def without_trees(formulas: Formulas) -> Formulas:
    """The document as clients see it."""
    outputs = [{k: v for k, v in output.items() if k != "tree"} for output in formulas["outputs"]]
    return {**formulas, "outputs": outputs}


def write_formulas(formulas: Formulas, language: FormulaFormat) -> str:
    """Every formula in a language, ready to be pasted: printed from its tree, never from text."""
    write, between = WRITERS[language]
    outputs = [(str(output["name"]), from_json(output["tree"])) for output in formulas["outputs"]]
    return between.join(write(tree, name).rstrip("\n") for name, tree in outputs) + "\n"


def _quoted(name: str) -> str:
    """SQL's delimited identifier."""
    return '"' + name.replace('"', '""') + '"'


# How one formula is written, and what stands between two.
WRITERS: Mapping[str, tuple[Callable[[Expression, str], str], str]] = {
    "text": (lambda tree, _: printers.to_text(tree), "\n"),
    "latex": (lambda tree, _: latex.to_latex(tree), "\n"),
    "python": (printers.python_function, "\n\n\n"),
    "numpy": (lambda tree, name: printers.python_function(tree, name, arrays=True), "\n\n\n"),
    "c": (printers.c_function, "\n\n"),
    "sql": (lambda tree, name: f"{printers.to_sql(tree)} AS {_quoted(name)}", ",\n"),
    "javascript": (printers.javascript_function, "\n\n"),
    "excel": (lambda tree, _: printers.to_excel(tree), "\n"),
}
