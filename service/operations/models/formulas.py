"""The formulas of a model, as JSON and in other languages."""

from collections.abc import Callable, Mapping
from typing import Any

from kan_engine.errors import NotExportable
from kan_engine.expressions.evaluation import Expression, from_json, variables
from kan_engine.expressions.printing import derived_variables, infix, source_files
from kan_engine.expressions.printing.derived_variables import Derivation
from kan_engine.expressions.printing.source_files import Function
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.errors import Conflict
from service.rendering.mathml import to_mathml
from service.schemas.formulas import FormulaFormat
from service.schemas.members import verdict_of

Formulas = dict[str, Any]
HIDDEN = ("tree", "booleans", "remarks")


def read_formulas(reference: str, sessions: Sessions) -> Formulas:
    """The ``Symbolic`` document of a model, with fields for printers that clients do not get.

    Raises:
        NotFound: There is no such model.
        Conflict: The model has no formula.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        symbolic, record = model.symbolic, model.record
    if symbolic is None:
        detail = (
            f"model {model.id} has no formula: none was requested, or none was found; its curves are "
            f'at /models/{model.id}/edges, and a job with "symbolic": true searches for a formula'
        )
        raise Conflict("no_formula", detail)
    return {"model_id": model.id, **completed(symbolic, record)}


def completed(symbolic: Formulas, record: dict[str, Any]) -> Formulas:
    """Add the verdict, and the units, quantities and columns from the model's record, to formulas."""
    outputs = [_completed(output, record) for output in symbolic["outputs"]]
    return {**symbolic, "verdict": verdict_of(symbolic), "outputs": outputs}


def _completed(output: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Add units, the quantity, boolean columns and remarks to a formula."""
    classes: list[Any] = record.get("classes") or []
    quantity = output.get("quantity") or ("logit" if len(classes) > 2 else "log-odds" if classes else "value")
    named = [*variables(from_json(output["tree"])), *([output["name"]] if quantity == "value" else [])]
    units = record.get("units", {})
    return output | {
        "quantity": quantity,
        "units": {name: units[name] for name in named if name in units},
        "booleans": [feature["name"] for feature in record["features"] if feature["type"] == "boolean"],
        "remarks": [*_remarks(quantity, output["name"], classes), *_ends(output.get("law"))],
    }


def _remarks(quantity: str, name: str, classes: list[Any]) -> list[str]:
    """How to compute a probability from the formula of a classifier."""
    if quantity == "log-odds":
        of = derived_variables.told(classes[1] if len(classes) == 2 else name)
        return [f"Log-odds: the probability of {of} is 1/(1 + exp(-value))."]
    if quantity == "logit":
        of = derived_variables.told(name)
        return [f"Logit: the probability of {of} is exp(value) over the sum of exp(value) of all classes."]
    return []


def _ends(law: Formulas | None) -> list[str]:
    """Where a density is 0, outside the support of its law."""
    return [
        f"The density is 0 where {derived_variables.told(name)} is {words}."
        for name, (low, high) in (law["support"] if law else {}).items()
        for words in _beyond(low, high)
    ]


def _beyond(low: float | None, high: float | None) -> list[str]:
    return [
        *([f"less than {low!r}"] if low is not None else []),
        *([f"more than {high!r}"] if high is not None else []),
    ]


def without_trees(formulas: Formulas) -> Formulas:
    """The document without the fields for printers."""
    outputs = [
        _shown(output) | {"pareto": [_shown(entry) for entry in output["pareto"]]}
        for output in formulas["outputs"]
    ]
    return {**formulas, "outputs": outputs}


def _shown(entry: Formulas) -> Formulas:
    return {key: value for key, value in entry.items() if key not in HIDDEN}


def write_formulas(formulas: Formulas, language: FormulaFormat) -> str:
    """Print every formula in a language: from the document, or from its tree.

    Raises:
        Conflict: The language cannot express the formula.
    """
    try:
        return WRITERS[language](formulas["outputs"]) + "\n"
    except NotExportable as error:
        raise Conflict("not_exportable", str(error)) from error


def _each(write: Callable[[Formulas], str], between: str = "\n") -> Callable[[list[Formulas]], str]:
    return lambda outputs: between.join(map(write, outputs))


def _module(write: Callable[[list[Function]], str]) -> Callable[[list[Formulas]], str]:
    return lambda outputs: write([_function(output) for output in outputs]).rstrip("\n")


def _function(output: Formulas) -> Function:
    tree = _tree(output)
    return Function(
        name=_name(output),
        tree=tree,
        remarks=output["remarks"],
        meanings=derived_variables.meanings(variables(tree), _derivation(output)),
    )


def _name(output: Formulas) -> str:
    """The name of the output, with a prefix if the formula gives log-odds or a logit."""
    return PREFIXES[output["quantity"]] + str(output["name"])


def _sql(output: Formulas) -> str:
    tree = _tree(output)
    text = infix.to_sql(tree, derived_variables.sql_names(variables(tree), _derivation(output)))
    return f"{text} AS {infix.quoted_column(_name(output))}"


def _excel(output: Formulas) -> str:
    tree = _tree(output)
    return infix.to_excel(tree, derived_variables.table_names(variables(tree), _derivation(output)))


def _tree(output: Formulas) -> Expression:
    return from_json(output["tree"])


def _derivation(output: Formulas) -> Derivation:
    """The derived variables of a formula; models of older versions do not have all fields."""
    return Derivation(
        derived=output.get("derived") or {}, fills=output.get("fills") or {}, booleans=output["booleans"]
    )


PREFIXES = {"value": "", "density": "", "log-odds": "log_odds_of_", "logit": "logit_of_"}
WRITERS: Mapping[str, Callable[[list[Formulas]], str]] = {
    "text": _each(lambda output: str(output["expression"])),
    "latex": _each(lambda output: str(output["latex"])),
    "python": _module(source_files.python_module),
    "numpy": _module(lambda functions: source_files.python_module(functions, arrays=True)),
    "c": _module(source_files.c_module),
    "sql": _each(_sql, ",\n"),
    "javascript": _module(source_files.javascript_module),
    "excel": _each(_excel),
    "mathml": _each(lambda output: to_mathml(str(output["latex"]))),
}
