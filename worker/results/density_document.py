"""The law of a density as clients receive it: a formula, parameters with intervals, and its fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from kan_engine import complexity, evaluate, safe_names, to_json, to_text, variables
from kan_engine.density.law_recognition import RecognisedLaw
from kan_engine.expressions.evaluation import count_nodes
from service.documents.model_summary import describe_formula
from service.schemas.formulas import FormulaOut, LawOut, ParameterOut, ParetoOut, SymbolicDocument
from worker.data.density_rows import DensityRows
from worker.results.symbolic_document import finite_ends


def make_density_document(
    laws: Sequence[RecognisedLaw], rows: DensityRows, goal: str
) -> SymbolicDocument | None:
    """The ``symbolic`` resource without its model id; None without a law."""
    if not laws:
        return None
    best, names = laws[0], safe_names(rows.names)
    data = dict(zip(rows.names, rows.training.T, strict=True))
    front = [_describe_law(law, names, rows) for law in _select_front(laws)]
    output = FormulaOut(
        name=goal,
        **asdict(describe_formula(best.tree, names, rows.encoding)),
        tree=to_json(best.tree),
        complexity=front[-1].complexity,
        size=front[-1].size,
        mean_log_likelihood=front[-1].mean_log_likelihood,
        rmse=None,
        r2=None,
        max_error=None,
        domain={
            names[name]: (float(data[name].min()), float(data[name].max())) for name in variables(best.tree)
        },
        law=LawOut(
            name=best.name,
            parameters=[ParameterOut.model_validate(entry) for entry in best.parameters],
            level=0.95,
            support={name: [*finite_ends(side)] for name, side in zip(rows.names, best.support, strict=True)},
            p_value=best.p_value,
        ),
        constants=[],
        exact_units=[],
        pareto=front,
        quantity="density",
    )
    return SymbolicDocument(
        exact=False, verdict="consistent", outputs=[output], measured_on=rows.evaluation_split
    )


def _select_front(laws: Sequence[RecognisedLaw]) -> list[RecognisedLaw]:
    """Accepted laws where less complexity means less likelihood, simplest first; the best law is last."""
    front: list[RecognisedLaw] = []
    for law in laws:
        if not front or complexity(law.tree) < complexity(front[-1].tree):
            front.append(law)
    return front[::-1]


def _describe_law(law: RecognisedLaw, names: Mapping[str, str], rows: DensityRows) -> ParetoOut:
    """A law in print; its likelihood is that of the formula, and a density has no true values."""
    values = evaluate(law.tree, dict(zip(rows.names, rows.evaluation_values.T, strict=True)))
    with np.errstate(all="ignore"):
        # A uniform law is a constant, which has the same value in every row
        logs = np.log(np.broadcast_to(values, len(rows.evaluation_values)))
    ends = np.array(law.support).T
    # Outside its support a law has density 0, whatever the value of its formula
    outside = ((rows.evaluation_values < ends[0]) | (rows.evaluation_values > ends[1])).any(1)
    is_defined = bool(np.isfinite(logs).all()) and not outside.any()
    return ParetoOut(
        expression=to_text(law.tree, names),
        tree=to_json(law.tree),
        law=law.name,
        complexity=complexity(law.tree),
        size=count_nodes(law.tree),
        mean_log_likelihood=float(logs.mean()) if is_defined else None,
        rmse=None,
        r2=None,
    )
