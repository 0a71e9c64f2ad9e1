"""The search for the front of formulas, in two parts that are subtasks.

The first part needs no network: other workers may do it while this one trains. The second part begins with
the formulas of the first one and those of the compact networks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from kan_engine.compact.path import CompactPath
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, from_json, to_json, variables
from kan_engine.expressions.measured_constants import SMALLEST
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.formulas.core.check_rows import ROUNDING
from kan_engine.formulas.core.constant_fitting import Columns, ParametricForm, compute_rmse
from kan_engine.formulas.core.constant_snapping import round_constants, to_form
from kan_engine.formulas.core.relevant_columns import select_relevant_columns
from kan_engine.formulas.reading.compact_formulas import read_formulas
from kan_engine.formulas.strategies.growth.archive import Archive
from kan_engine.formulas.strategies.growth.entry import Entry, measure_formula
from kan_engine.formulas.strategies.growth.search import FrontSearch
from kan_engine.network.pruning import live_inputs
from kan_engine.search.context import SearchContext
from kan_engine.search.subtasks import Subtask


@dataclass(frozen=True, kw_only=True)
class FrontPart:
    """A part of a search for a front.

    Attributes:
        seeds: Formulas to begin with.
        columns: Variables of new terms.
        begin, end: Shares of the work of the whole search that are done before and after this part.
    """

    seeds: tuple[Expression, ...]
    columns: tuple[str, ...]
    begin: float = 0.0
    end: float = 1.0

    @staticmethod
    def first(seeds: Sequence[Expression], run: SearchContext) -> FrontPart | None:
        """The part that needs no network; None with many columns, which the networks select."""
        limits = run.thresholds.front
        if len(run.names) > limits.max_columns:
            return None
        return FrontPart(seeds=tuple(seeds), columns=run.names, end=limits.first_share)

    def to_subtask(self, run: SearchContext) -> Subtask:
        """The subtask of this part of a regression."""
        return Subtask(
            "front",
            {
                "limits": run.config.constraints.to_dict(),
                "seeds": [to_json(tree) for tree in self.seeds],
                "columns": list(self.columns),
                "work": [self.begin, self.end],
            },
        )

    @staticmethod
    def from_input(options: Mapping[str, Any]) -> FrontPart:
        """The inverse of ``to_subtask``."""
        begin, end = options["work"]
        seeds = tuple(from_json(tree) for tree in options["seeds"])
        return FrontPart(seeds=seeds, columns=tuple(options["columns"]), begin=begin, end=end)


def run_front_subtask(run: SearchContext, options: dict[str, Any]) -> None:
    """Run a part of the search from the subtask's input."""
    rows = run.data.training.sample(run.thresholds.front.max_rows, run.config.seed)
    _search_part(FrontPart.from_input(options), rows, run)


def search_front(
    rows: LabelledRows,
    seeds: Sequence[Expression],
    path: CompactPath | None,
    run: SearchContext,
    *,
    is_explained: bool = False,
) -> list[Entry]:
    """Search for the front of some rows.

    The formulas are measured as they are stored, so that a loaded front equals a computed one. A search that
    is stopped returns the front of its seeds, with those of the compact networks.

    Args:
        rows: With the values that the formulas should have.
        seeds: Formulas to begin with.
        path: Compact networks, whose formulas are seeds, too.
        run: The search context.
        is_explained: A known formula leaves only noise: the search ends after its first part, since larger
            formulas would describe the noise.
    """
    limits, trees, begin = run.thresholds.front, list(seeds), 0.0
    first_part = FrontPart.first(seeds, run) if run.data.classes is None else None
    if first_part is not None:
        trees, begin = _search_part(first_part, rows, run), first_part.end
    if path is not None:
        trees += read_formulas(path, rows, limits.max_size, run.config.constraints)
    columns = select_front_columns(rows, path, run)
    # The outputs of a classifier share the work
    end = (limits.first_share if is_explained else 1.0) / run.data.output_count
    trees = _search_part(FrontPart(seeds=tuple(trees), columns=columns, begin=begin, end=end), rows, run)
    return [measure_formula(tree, rows) for tree in trees]


def select_front_columns(rows: LabelledRows, path: CompactPath | None, run: SearchContext) -> tuple[str, ...]:
    """Select the variables of new terms, in the order of the table.

    If there are too many, those of the compact networks are kept, small networks first, and then those that
    are most relevant among the others.
    """
    max_columns, network_names = run.thresholds.front.max_columns, dict[str, None]()
    if len(rows.names) <= max_columns:
        return rows.names
    for entry in path.networks if path is not None else ():
        places = torch.nonzero(live_inputs(entry.network))[:, 0].tolist()
        network_names |= dict.fromkeys(rows.names[place] for place in places)
    wishes = {name for group in run.config.constraints.must_use for name in group if name in rows.names}
    # Wished columns first, then those that compact networks read as far as there is room
    selection = wishes | set(
        [name for name in network_names if name not in wishes][: max(0, max_columns - len(wishes))]
    )
    if len(selection) < max_columns:
        remainder = rows.select_columns(
            [place for place, name in enumerate(rows.names) if name not in selection]
        )
        selection |= set(select_relevant_columns(remainder, max_columns - len(selection)))
    return tuple(name for name in rows.names if name in selection)


def _search_part(part: FrontPart, rows: LabelledRows, run: SearchContext) -> list[Expression]:
    """Run a part, or load the result of a regression if the subtask has finished."""
    if run.data.classes is not None:  # the values come from a network that other workers do not have
        return _run_part(part, rows, run)
    return run.parts.get_or_compute(
        part.to_subtask(run),
        lambda: _run_part(part, rows, run),
        write=lambda front: json.dumps([to_json(tree) for tree in front]).encode(),
        read=lambda data: [from_json(tree) for tree in json.loads(data)],
    )


def _run_part(
    part: FrontPart, rows: LabelledRows, run: SearchContext, *, work_per_second: float = 1.7e5
) -> list[Expression]:
    """Search a part of the front.

    Args:
        work_per_second: Of a job, so that short jobs, too, give the same formulas in every run.
    """
    limits, share = run.thresholds.front, part.end - part.begin
    names = {name for tree in part.seeds for name in variables(tree)} | set(part.columns)

    def report(progress: float, archive: Archive) -> None:
        front = archive.front
        lowest = min((entry.error for entry in front), default=float("inf"))
        error = lowest**0.5 / (float(np.std(rows.y)) or 1.0) if front else None
        fraction = 0.88 + 0.02 * (part.begin + share * progress)
        run.report("symbolic", fraction, f"improving {len(front)} formulas", error)

    columns = {name: values for name, values in rows.columns.items() if name in names}
    # Formulas must be defined at the ends of the table as well, which a sample may miss
    search = FrontSearch(
        LabelledRows.from_columns(columns, rows.y, rows.weights, rows.unit_error),
        ends=_select_ends(run.data.training) if len(run.data.training) > len(rows) else None,
        limits=run.config.constraints,
        seed=run.config.seed,
        max_work=min(limits.max_work, work_per_second * run.config.max_seconds),
        share=share,
        should_stop=run.should_stop,
        report=report,
        thresholds=limits,
    )
    return [entry.tree for entry in search.run(part.seeds)]


def _select_ends(rows: LabelledRows) -> Columns:
    """The rows with the lowest and the highest value of every column: a sample may not contain them."""
    places = np.unique([rows.x.argmin(0), rows.x.argmax(0)])
    return rows[places].columns


def predict_front(seeds: Sequence[Expression], run: SearchContext) -> list[Subtask]:
    """The subtask that growth needs first, which other workers may do while this one trains networks.

    Args:
        seeds: The formulas that growth will begin with.
        run: The search context.
    """
    if not run.config.symbolic or run.should_stop():
        return []
    part = FrontPart.first(seeds, run)
    return [] if part is None else [part.to_subtask(run)]


def finish_formula(tree: Expression, rows: LabelledRows, run: SearchContext) -> Expression:
    """A formula of the front in its shortest form, with rounded constants."""
    form = to_form(_simplify(_drop_negligible(to_form(tree), rows).numeric_tree, rows, run))
    return round_constants(form, rows).numeric_tree


def _simplify(tree: Expression, rows: LabelledRows, run: SearchContext) -> Expression:
    """The shortest form of a tree that satisfies the same constraints."""
    limits = run.config.constraints
    shortest = simplify(tree, rows.columns, run.should_stop, forbidden=limits.forbidden)
    return shortest if limits.allow_instead(shortest, tree) else tree


def _drop_negligible(form: ParametricForm, rows: LabelledRows) -> ParametricForm:
    """Replace constants by 0 that change the error by rounding errors of the target at most."""
    error = compute_rmse(form, rows)
    # Changes of the error that rounding of the target alone explains
    negligible = max(SMALLEST, ROUNDING * float(np.abs(rows.y).max()))
    for place in range(len(form.values)):
        without = replace(form, values=np.where(np.arange(len(form.values)) == place, 0.0, form.values))
        if abs(compute_rmse(without, rows) - error) <= negligible:
            form = without
    return form
