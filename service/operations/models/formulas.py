"""The formulas of a model, as JSON and in other languages."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import JsonValue

from kan_engine.data.column_definitions import parse_definition
from kan_engine.errors import NotExportable
from kan_engine.expressions.evaluation import from_json, variables
from kan_engine.expressions.printing import derived_variables
from kan_engine.expressions.printing.derived_variables import VariableDefinitions
from kan_engine.expressions.printing.languages import LANGUAGES, PrintableFormula
from kan_engine.expressions.printing.latex import to_latex
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.errors import Conflict
from service.operations.models.stored_soundness import read_sound_formulas

FRONT_LANGUAGES = ("text", "latex", "mathml")  # the others need the definitions of all derived variables
PREFIXES = {"value": "", "density": "", "log-odds": "log_odds_of_", "logit": "logit_of_"}


@dataclass(frozen=True)
class OutputFormula:
    """The formula of one output.

    Attributes:
        stored: As the job stored it; older models lack some fields.
        units: Of the columns in the formula, and of the output.
        booleans: Columns of true and false.
        remarks: What a reader of the printed formula must know.
    """

    stored: Mapping[str, Any]
    quantity: str
    units: dict[str, str]
    booleans: list[str]
    remarks: list[str]

    def to_json(self) -> dict[str, JsonValue]:
        """The formula as clients read it, without trees."""
        pareto: list[JsonValue] = [_drop_tree(entry) for entry in self.stored["pareto"]]
        rivals: list[JsonValue] = [_drop_tree(entry) for entry in self.stored.get("rivals", ())]
        units: dict[str, JsonValue] = {**self.units}
        lists: dict[str, JsonValue] = {"units": units, "pareto": pareto, "rivals": rivals}
        return {**_drop_tree(self.stored), "quantity": self.quantity, **lists}

    def list_front(self) -> list[PrintableFormula]:
        """The formulas of the front as printers of mathematics take them."""
        trees = [from_json(entry["tree"]) for entry in self.stored["pareto"]]
        return [
            replace(
                self.to_printable(),
                tree=tree,
                text=entry["expression"],
                latex=to_latex(tree, self.symbols),
            )
            for entry, tree in zip(self.stored["pareto"], trees, strict=True)
        ]

    def to_printable(self) -> PrintableFormula:
        """The formula as printers take it."""
        return PrintableFormula(
            name=PREFIXES[self.quantity] + str(self.stored["name"]),
            tree=from_json(self.stored["tree"]),
            text=str(self.stored["expression"]),
            latex=str(self.stored["latex"]),
            remarks=self.remarks,
            definitions=VariableDefinitions(
                derived={
                    name: parse_definition(data) for name, data in (self.stored.get("derived") or {}).items()
                },
                fills=self.stored.get("fills") or {},
                booleans=self.booleans,
            ),
            symbols=self.symbols,
        )

    @property
    def symbols(self) -> dict[str, str]:
        """Printed name by column, of the columns that are printed under another name."""
        return {column: name for name, column in (self.stored.get("symbols") or {}).items()}


@dataclass(frozen=True)
class ModelFormulas:
    """The formulas of a model, with the document that the job stored."""

    model_id: str
    stored: Mapping[str, Any]
    outputs: list[OutputFormula]

    def to_json(self) -> dict[str, JsonValue]:
        """The body of ``GET /models/{id}/symbolic``."""
        outputs: list[JsonValue] = [output.to_json() for output in self.outputs]
        document: dict[str, JsonValue] = {"outputs": outputs}
        form = self.stored.get("form")
        if form is not None:
            free = form["free"]
            document["form"] = _drop_tree(form) | {
                "free": None if free is None else _drop_tree(free),
                "groups": None if form["groups"] is None else _describe_groups(form["groups"]),
                "functions": [_drop_tree(function) for function in form["functions"]],
            }
        return {"model_id": self.model_id, **self.stored, **document}

    def write(self, language: str, *, front: bool = False) -> str:
        """Print every formula in a language: from the document, or from its tree.

        Args:
            language: Name of the language.
            front: Whether to print the formulas of all fronts instead.

        Raises:
            Conflict: The language cannot express the formula, or prints no fronts.
        """
        if front and language not in FRONT_LANGUAGES:
            languages = ", ".join(FRONT_LANGUAGES)
            raise Conflict("not_exportable", f"a front is printed in {languages} alone, not in {language}")
        formulas = [
            formula
            for output in self.outputs
            for formula in (output.list_front() if front else [output.to_printable()])
        ]
        try:
            return LANGUAGES[language].write(formulas) + "\n"
        except NotExportable as error:
            raise Conflict("not_exportable", str(error)) from error


def read_formulas(reference: str, sessions: Sessions) -> ModelFormulas:
    """The formulas of a model.

    Raises:
        NotFound: There is no such model.
        Conflict: The model has no formula.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        symbolic, record = read_sound_formulas(model), model.record
    if symbolic is None:
        detail = (
            f"model {model.id} has no formula: none was requested, or none was found; its curves are "
            f'at /models/{model.id}/edges, and a job with "symbolic": true searches for a formula'
        )
        raise Conflict("no_formula", detail)
    return ModelFormulas(model.id, symbolic, complete_outputs(symbolic, record))


def complete_outputs(symbolic: Mapping[str, Any], record: Mapping[str, Any]) -> list[OutputFormula]:
    """The formulas of a document, with the units, quantities and columns of the model's record."""
    return [_complete_output(output, record) for output in symbolic["outputs"]]


def _complete_output(output: Mapping[str, Any], record: Mapping[str, Any]) -> OutputFormula:
    classes: list[Any] = record.get("classes") or []
    quantity = output.get("quantity") or ("logit" if len(classes) > 2 else "log-odds" if classes else "value")
    names = [*variables(from_json(output["tree"])), *([output["name"]] if quantity == "value" else [])]
    units = record.get("units", {})
    return OutputFormula(
        stored=output,
        quantity=quantity,
        units={name: units[name] for name in names if name in units},
        booleans=[feature["name"] for feature in record["features"] if feature["type"] == "boolean"],
        remarks=[
            *_make_probability_remarks(quantity, output["name"], classes),
            *_make_support_remarks(output.get("law")),
        ],
    )


def _make_probability_remarks(quantity: str, name: str, classes: list[Any]) -> list[str]:
    """How to compute a probability from the formula of a classifier."""
    if quantity == "log-odds":
        of = derived_variables.quote_value(classes[1] if len(classes) == 2 else name)
        return [f"Log-odds: the probability of {of} is 1/(1 + exp(-value))."]
    if quantity == "logit":
        of = derived_variables.quote_value(name)
        return [f"Logit: the probability of {of} is exp(value) over the sum of exp(value) of all classes."]
    return []


def _make_support_remarks(law: Mapping[str, Any] | None) -> list[str]:
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


def _describe_groups(groups: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {name: groups[name] for name in ("column", "groups", "own", "shared")}


def _drop_tree(entry: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {name: value for name, value in entry.items() if name != "tree"}
