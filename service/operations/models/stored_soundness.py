"""Soundness of the formulas of models that were stored without it: examined when it is first asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from kan_engine.expressions.evaluation import Expression, from_json, variables
from service.db.tables import Model

if TYPE_CHECKING:
    from kan_engine.formulas.soundness.examination import Soundness

Ends = tuple[float, float]
UNBOUNDED = (-np.inf, np.inf)
MIN_TRUE_VALUES = 20  # of hold-out rows; fewer do not tell the range of a target
MAX_KEPT = 256  # models

_lock = threading.Lock()
_kept: OrderedDict[str, dict[str, Any]] = OrderedDict()  # formulas by the id of their model


def read_sound_formulas(model: Model) -> dict[str, Any] | None:
    """The formulas of a model with their soundness; None if it has none. The session must be open."""
    symbolic = model.symbolic
    if symbolic is None or not all(_lacks_soundness(output, model) for output in symbolic["outputs"]):
        return symbolic
    with _lock:
        if model.id not in _kept:
            ranges, limits = _read_ranges(model.record), _read_limits(model.figures)
            outputs = [_add_soundness(output, ranges, limits) for output in symbolic["outputs"]]
            _kept[model.id] = symbolic | {"outputs": outputs}
            if len(_kept) > MAX_KEPT:
                _kept.popitem(last=False)
        return _kept[model.id]


def _lacks_soundness(output: Mapping[str, Any], model: Model) -> bool:
    """Whether a formula gives values of the target, and nothing is known of it between the rows."""
    is_value = model.task == "regression" and output.get("quantity", "value") == "value"
    return is_value and "sound" not in output


def _read_ranges(record: Mapping[str, Any]) -> dict[str, Ends]:
    """Ranges of the numeric columns of a model."""
    ranges = {feature["name"]: (feature.get("min"), feature.get("max")) for feature in record["features"]}
    return {name: (low, high) for name, (low, high) in ranges.items() if None not in (low, high)}


def _read_limits(figures: Mapping[str, Any] | None) -> Ends:
    """Limits from the true values of hold-out rows; infinite if there are too few."""
    true = ((figures or {}).get("parity") or {}).get("true") or ()
    if len(true) < MIN_TRUE_VALUES:
        return UNBOUNDED
    from kan_engine.formulas.soundness.examination import compute_limits  # noqa: PLC0415  # see ``_examine``

    # The target of the hold-out rows and some of its ranges beyond, where a law may go on
    return compute_limits(np.array(true, dtype=float))


def _add_soundness(output: Mapping[str, Any], ranges: dict[str, Ends], limits: Ends) -> dict[str, Any]:
    symbols = {column: name for name, column in (output.get("symbols") or {}).items()}
    names = {column: symbols.get(column, column) for column in ranges}
    domains = ranges | {
        column: output["domain"][name] for column, name in names.items() if name in output["domain"]
    }

    def complete(entry: Mapping[str, Any]) -> dict[str, Any]:
        if "tree" not in entry:  # an entry of a front in early versions
            return dict(entry)
        soundness = _examine(from_json(entry["tree"]), domains, limits)
        return {**entry, **({} if soundness is None else {"sound": asdict(soundness.rename(names))})}

    return complete(output) | {"pareto": [complete(entry) for entry in output["pareto"]]}


def _examine(tree: Expression, ranges: dict[str, Ends], limits: Ends) -> Soundness | None:
    """Soundness within ranges of columns; None if one of them is not known, as that of a category.

    SciPy, which an API without such models does not need, is imported at first.
    """
    from kan_engine.formulas.soundness.box import Box  # noqa: PLC0415
    from kan_engine.formulas.soundness.examination import examine_soundness  # noqa: PLC0415

    names = variables(tree)
    if not ranges.keys() >= set(names):
        return None
    # Ends of the box; the reshape keeps two vectors for a formula without variables
    low, high = np.array([ranges[name] for name in names]).reshape(-1, 2).T
    # Without rows, which a model does not keep: the examination starts from the box alone
    box = Box(names, low, high, np.zeros(len(names), dtype=bool))
    return examine_soundness(tree, box, limits, np.zeros((0, len(names))))
