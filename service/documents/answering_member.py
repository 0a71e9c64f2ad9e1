"""Selection of the member of a model that answers: a network or its formulas."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import kan_engine
from service.errors import Conflict
from service.schemas.members import Member, MemberChoice

if TYPE_CHECKING:
    from kan_engine import FormulaPredictor, Predictor
    from kan_engine.inference.rivals_predictor import RivalsPredictor


@dataclass(frozen=True)
class Members:
    """The members of a model.

    Args:
        accurate: Its most accurate network, which also holds the compact ones.
        formula: Its formulas, if it has any.
        rivals: The mean of its formula and its rivals, if they were compared.
        serving: The formulas as they answer in place of the networks, if they do: exact ones everywhere,
            others within bounds. Where they have no value, the accurate network answers.
    """

    accurate: Predictor
    formula: FormulaPredictor | None = None
    rivals: RivalsPredictor | None = None
    serving: FormulaPredictor | None = None

    @staticmethod
    def build(predictor: Predictor, symbolic: Mapping[str, Any] | None) -> Members:
        """Build the members from the network and the stored formulas.

        Raises:
            InvalidConfig: The formulas do not match the network's columns and outputs.
        """
        if symbolic is None:
            return Members(predictor)
        is_exact, within = symbolic["verdict"] == "exact", symbolic.get("serves_within")
        formula = _make_formula_predictor(predictor, symbolic, is_exact=is_exact)
        bounds = None
        if within is not None:
            low, high = within
            bounds = -math.inf if low is None else low, math.inf if high is None else high
        serving = formula.to_serving(predictor, is_exact=is_exact, within=bounds)
        return Members(predictor, formula, _average_rivals(formula, symbolic["outputs"]), serving)

    def select(self, by: MemberChoice) -> tuple[Member, Predictor]:
        """The member that answers, with its name.

        Raises:
            Conflict: The model does not have the requested member.
        """
        if by == "formula":
            if self.formula is None:
                hint = 'a job with "symbolic": true searches for one'
                raise _make_refusal(
                    "no_formula", f"the model has no formula; {self._remedy}, or train again: {hint}"
                )
            return "formula", self.formula
        if by == "rivals":
            if self.rivals is None:
                raise _make_refusal("no_rivals", f"the model knows no rivals of its formula; {self._remedy}")
            return "rivals", self.rivals
        if by == "auto" and self.serving is not None:
            return "formula", self.serving
        name = self.accurate.answering_name if by == "auto" else by
        network = self.accurate.get_network(name)
        if network is not None:
            return name, network
        if name == "linear":
            raise _make_refusal(
                "no_linear_model", f"the model has no linear model; {self._remedy}, or train again"
            )
        hint = "models of older versions have none"
        raise _make_refusal(
            "no_compact_network",
            f"the model has no compact network; {self._remedy}, or train again: {hint}",
        )

    @property
    def compact(self) -> Predictor | None:
        """The compact network, if there is one."""
        return self.accurate.compact_predictor

    @property
    def linear(self) -> Predictor | None:
        """The linear model, if there is one."""
        return self.accurate.linear_predictor

    @property
    def _remedy(self) -> str:
        members = {"compact": self.compact, "formula": self.formula, "linear": self.linear}
        choices = ["accurate", *(name for name, member in members.items() if member is not None)]
        return 'send "by": "auto", ' + " or ".join(f'"{name}"' for name in choices)


def _average_rivals(
    formula: FormulaPredictor, outputs: Sequence[Mapping[str, Any]]
) -> RivalsPredictor | None:
    """The mean of the formula of a regression and of its rivals; None where they were not compared."""
    from kan_engine.inference.rivals_predictor import RivalsPredictor  # noqa: PLC0415  # imports torch

    entries = [outputs[0], *outputs[0].get("rivals", ())]
    trees = [(kan_engine.from_json(entry["tree"]), entry.get("probability")) for entry in entries]
    return RivalsPredictor.average(formula, trees)


def _make_refusal(code: str, detail: str) -> Conflict:
    return Conflict.make_at(code, detail, {"pointer": "#/by"})


def _make_formula_predictor(
    predictor: Predictor, symbolic: Mapping[str, Any], *, is_exact: bool
) -> FormulaPredictor:
    outputs = symbolic["outputs"]
    law, errors = outputs[0].get("law"), [output.get("max_error") for output in outputs]
    is_known = is_exact and None not in errors
    return kan_engine.FormulaPredictor.from_predictor(
        predictor,
        [kan_engine.from_json(output["tree"]) for output in outputs],
        support=law and law["support"],
        largest_error=max(errors) if is_known else None,
        is_unsound=any((output.get("sound") or {}).get("status") == "violated" for output in outputs),
    )
