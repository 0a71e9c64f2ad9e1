"""Documents of models that earlier versions have stored or exported, as this version would have written them.

One function for each change of a document, in their order. A document that has the change stays as it is.
"""

from typing import Any

Document = dict[str, Any]


def upgrade_symbolic(document: Document) -> Document:
    """The formulas of a model with all that their schema requires."""
    return _add_nulls_of_evidence(_add_verdict(document))


def _add_verdict(document: Document) -> Document:
    """Before verdicts, formulas only told whether they are exact."""
    if document.get("verdict") is not None:
        return document
    return document | {"verdict": "exact" if document.get("exact") else "approximation"}


def _add_nulls_of_evidence(document: Document) -> Document:
    """Imports left out what was not measured."""
    evidence = document.get("evidence")
    if not isinstance(evidence, dict) or not isinstance(evidence.get("compared_with"), dict):
        return document
    unknown = dict.fromkeys(("noise", "explained", "p_value", "power", "stability"))
    if all(name in evidence for name in unknown):
        return document
    compared_with = {
        name: {"rmse": None, **model} if isinstance(model, dict) else model
        for name, model in evidence["compared_with"].items()
    }
    return document | {"evidence": unknown | evidence | {"compared_with": compared_with}}
