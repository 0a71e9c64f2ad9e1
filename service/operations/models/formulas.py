"""The formulas of a model, as JSON and in other languages."""

from typing import Any

from kan_engine.errors import NotExportable
from kan_engine.expressions.evaluation import from_json, variables
from kan_engine.expressions.printing import derived_variables
from kan_engine.expressions.printing.derived_variables import VariableDefinitions
from kan_engine.expressions.printing.languages import LANGUAGES, PrintableFormula
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.errors import Conflict
from service.schemas.members import read_verdict

Formulas = dict[str, Any]
PREFIXES = {"value": "", "density": "", "log-odds": "log_odds_of_", "logit": "logit_of_"}
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


def write_formulas(formulas: Formulas, language: str) -> str:
    """Print every formula in a language: from the document, or from its tree.

    Raises:
        Conflict: The language cannot express the formula.
    """
    try:
        return LANGUAGES[language].write(make_printable(formulas)) + "\n"
    except NotExportable as error:
        raise Conflict("not_exportable", str(error)) from error


def make_printable(formulas: Formulas) -> list[PrintableFormula]:
    """The formulas of a complete document, as printers take them; older models lack some fields."""
    return [
        PrintableFormula(
            name=PREFIXES[output["quantity"]] + str(output["name"]),
            tree=from_json(output["tree"]),
            text=str(output["expression"]),
            latex=str(output["latex"]),
            remarks=output["remarks"],
            definitions=VariableDefinitions(
                derived=output.get("derived") or {},
                fills=output.get("fills") or {},
                booleans=output["booleans"],
            ),
        )
        for output in formulas["outputs"]
    ]
