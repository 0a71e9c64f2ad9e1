"""The formulas of a model, as JSON and in other languages."""

from collections.abc import Callable, Mapping
from typing import Any

from kan_engine.errors import NotExportable
from kan_engine.expressions.evaluation import Expression, from_json, variables
from kan_engine.expressions.printing import derived_variables, infix, source_files
from kan_engine.expressions.printing.derived_variables import VariableDefinitions
from kan_engine.expressions.printing.mathml import to_mathml
from kan_engine.expressions.printing.source_files import SourceFunction
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.errors import Conflict
from service.schemas.formulas import FormulaFormat
from service.schemas.members import read_verdict

Formulas = dict[str, Any]
HIDDEN_FIELDS = ("tree", "booleans", "remarks")


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
    return {"model_id": model.id, **complete_formulas(symbolic, record)}


def complete_formulas(symbolic: Formulas, record: dict[str, Any]) -> Formulas:
    """Add the verdict, and the units, quantities and columns from the model's record, to formulas."""
    outputs = [_complete_output(output, record) for output in symbolic["outputs"]]
    return {**symbolic, "verdict": read_verdict(symbolic), "outputs": outputs}


def _complete_output(output: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Add units, the quantity, boolean columns and remarks to a formula."""
    classes: list[Any] = record.get("classes") or []
    quantity = output.get("quantity") or ("logit" if len(classes) > 2 else "log-odds" if classes else "value")
    named = [*variables(from_json(output["tree"])), *([output["name"]] if quantity == "value" else [])]
    units = record.get("units", {})
    return output | {
        "quantity": quantity,
        "units": {name: units[name] for name in named if name in units},
        "booleans": [feature["name"] for feature in record["features"] if feature["type"] == "boolean"],
        "remarks": [
            *_make_probability_remarks(quantity, output["name"], classes),
            *_make_support_remarks(output.get("law")),
        ],
    }


def _make_probability_remarks(quantity: str, name: str, classes: list[Any]) -> list[str]:
    """How to compute a probability from the formula of a classifier."""
    if quantity == "log-odds":
        of = derived_variables.quote_value(classes[1] if len(classes) == 2 else name)
        return [f"Log-odds: the probability of {of} is 1/(1 + exp(-value))."]
    if quantity == "logit":
        of = derived_variables.quote_value(name)
        return [f"Logit: the probability of {of} is exp(value) over the sum of exp(value) of all classes."]
    return []


def _make_support_remarks(law: Formulas | None) -> list[str]:
    """Where a density is 0, outside the support of its law."""
    return [
        f"The density is 0 where {derived_variables.quote_value(name)} is {words}."
        for name, (low, high) in (law["support"] if law else {}).items()
        for words in _describe_outside(low, high)
    ]


def _describe_outside(low: float | None, high: float | None) -> list[str]:
    return [
        *([f"less than {low!r}"] if low is not None else []),
        *([f"more than {high!r}"] if high is not None else []),
    ]


def drop_hidden_fields(formulas: Formulas) -> Formulas:
    """The document without the fields for printers."""
    outputs = [
        _drop_hidden(output) | {"pareto": [_drop_hidden(entry) for entry in output["pareto"]]}
        for output in formulas["outputs"]
    ]
    return {**formulas, "outputs": outputs}


def _drop_hidden(entry: Formulas) -> Formulas:
    return {key: value for key, value in entry.items() if key not in HIDDEN_FIELDS}


def write_formulas(formulas: Formulas, language: FormulaFormat) -> str:
    """Print every formula in a language: from the document, or from its tree.

    Raises:
        Conflict: The language cannot express the formula.
    """
    try:
        return WRITERS[language](formulas["outputs"]) + "\n"
    except NotExportable as error:
        raise Conflict("not_exportable", str(error)) from error


def _print_each(write: Callable[[Formulas], str], between: str = "\n") -> Callable[[list[Formulas]], str]:
    return lambda outputs: between.join(map(write, outputs))


def _print_module(write: Callable[[list[SourceFunction]], str]) -> Callable[[list[Formulas]], str]:
    return lambda outputs: write([_make_function(output) for output in outputs]).rstrip("\n")


def _make_function(output: Formulas) -> SourceFunction:
    tree = _read_tree(output)
    return SourceFunction(
        name=_make_name(output),
        tree=tree,
        remarks=output["remarks"],
        meanings=derived_variables.describe_variables(variables(tree), _read_derivation(output)),
    )


def _make_name(output: Formulas) -> str:
    """The name of the output, with a prefix if the formula gives log-odds or a logit."""
    return PREFIXES[output["quantity"]] + str(output["name"])


def _print_sql(output: Formulas) -> str:
    tree = _read_tree(output)
    text = infix.to_sql(tree, derived_variables.sql_names(variables(tree), _read_derivation(output)))
    return f"{text} AS {infix.quote_column(_make_name(output))}"


def _print_excel(output: Formulas) -> str:
    tree = _read_tree(output)
    return infix.to_excel(tree, derived_variables.table_names(variables(tree), _read_derivation(output)))


def _read_tree(output: Formulas) -> Expression:
    return from_json(output["tree"])


def _read_derivation(output: Formulas) -> VariableDefinitions:
    """The derived variables of a formula; models of older versions do not have all fields."""
    return VariableDefinitions(
        derived=output.get("derived") or {}, fills=output.get("fills") or {}, booleans=output["booleans"]
    )


PREFIXES = {"value": "", "density": "", "log-odds": "log_odds_of_", "logit": "logit_of_"}
WRITERS: Mapping[str, Callable[[list[Formulas]], str]] = {
    "text": _print_each(lambda output: str(output["expression"])),
    "latex": _print_each(lambda output: str(output["latex"])),
    "python": _print_module(source_files.python_module),
    "numpy": _print_module(lambda functions: source_files.python_module(functions, arrays=True)),
    "c": _print_module(source_files.c_module),
    "sql": _print_each(_print_sql, ",\n"),
    "javascript": _print_module(source_files.javascript_module),
    "excel": _print_each(_print_excel),
    "mathml": _print_each(lambda output: to_mathml(str(output["latex"]))),
}
