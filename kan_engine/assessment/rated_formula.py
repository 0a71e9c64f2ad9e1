"""A formula with its errors on some rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NotRequired, TypedDict

from kan_engine.assessment.rival_difference import Difference
from kan_engine.expressions.evaluation import (
    Expression,
    TreeJson,
    complexity,
    count_nodes,
    from_json,
    to_json,
)
from kan_engine.expressions.unit_system import UnitStatus
from kan_engine.formulas.soundness.examination import Soundness


class FormulaDocument(TypedDict):
    """A formula and its errors as JSON."""

    tree: TreeJson
    complexity: int
    size: int
    rmse: float
    r2: float | None
    unit_status: NotRequired[UnitStatus]
    log_loss: NotRequired[float]
    sound: NotRequired[dict[str, Any]]
    probability: NotRequired[float]
    differs: NotRequired[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class RatedFormula:
    """A formula and its errors.

    Attributes:
        tree: In the encoded columns.
        selection_error: The validation error that ranked it in the search.
        rmse: Root mean squared error, in the units of the output.
        r2: Share of the variance that it explains; None if the output is constant.
        max_error: Largest absolute error.
        unit_status: Whether its units add up; None if units were not told.
        log_loss: Of a classifier with this formula; None for a regression.
        sound: What is known of it within the ranges of its columns; None in models of earlier versions.
        probability: That it is the law up to its constants; None if it was not compared with rivals.
        differs: Of a rival, where it differs from the best formula.
    """

    tree: Expression
    selection_error: float
    rmse: float
    r2: float | None
    max_error: float
    unit_status: UnitStatus | None = None
    log_loss: float | None = None
    sound: Soundness | None = None
    probability: float | None = None
    differs: Difference | None = None

    def to_dict(self) -> FormulaDocument:
        """The formula and its errors as JSON."""
        data: FormulaDocument = {
            "tree": to_json(self.tree),
            "complexity": self.complexity,
            "size": self.size,
            "rmse": self.rmse,
            "r2": self.r2,
        }
        if self.unit_status is not None:
            data["unit_status"] = self.unit_status
        if self.log_loss is not None:
            data["log_loss"] = self.log_loss
        if self.sound is not None:
            data["sound"] = asdict(self.sound)
        if self.probability is not None:
            data["probability"] = self.probability
        if self.differs is not None:
            data["differs"] = asdict(self.differs)
        return data

    @staticmethod
    def from_dict(data: Mapping[str, Any], selection_error: float) -> RatedFormula:
        """The inverse of ``to_dict``; NaN where an error is not known."""
        rmse, largest = data.get("rmse"), data.get("max_error")
        return RatedFormula(
            tree=from_json(data["tree"]),
            selection_error=selection_error,
            rmse=math.nan if rmse is None else rmse,
            r2=data.get("r2"),
            max_error=math.nan if largest is None else largest,
            unit_status=data.get("unit_status"),
            log_loss=data.get("log_loss"),
            sound=None if data.get("sound") is None else Soundness(**data["sound"]),
            probability=data.get("probability"),
            differs=None if data.get("differs") is None else Difference(**data["differs"]),
        )

    def rename_columns(self, names: Mapping[str, str]) -> RatedFormula:
        """The same with these names of columns in what is told of it; the tree keeps its own."""
        sound = None if self.sound is None else self.sound.rename(names)
        return replace(
            self, sound=sound, differs=None if self.differs is None else self.differs.rename(names)
        )

    @property
    def complexity(self) -> int:
        """Number of its symbols."""
        return complexity(self.tree)

    @property
    def size(self) -> int:
        """Number of nodes of its tree."""
        return count_nodes(self.tree)
