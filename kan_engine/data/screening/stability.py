"""How often a selected input is selected again on halves of the rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Int

from kan_engine.data.screening.basis import standardize
from kan_engine.data.screening.screened_rows import ScreenedRows
from kan_engine.data.screening.selection import Effect


def measure_stability(
    table: ScreenedRows,
    effects: dict[int, Effect],
    limits: tuple[float, float],
    strongest: Int[np.ndarray, " inputs"],
    seed: int,
    is_late: Callable[[], bool],
) -> dict[int, float]:
    """Share of random halves of the rows on which each input is selected again; empty if the time is over.

    Pairs of complementary halves (Shah and Samworth, J. R. Statist. Soc. B 75, 2013). A half has less power
    than all rows, so that chance may select one input in each. Only the strongest rivals take part.

    Args:
        table: All rows.
        effects: The selected inputs.
        limits: Log p below which an input and a product stand out on all rows.
        strongest: All inputs, the strongest first.
        seed: Of the halves.
        is_late: Whether the time is over.
    """
    thresholds, random = table.thresholds, np.random.default_rng(seed)
    # One false selection is allowed in each half, which has less power than all rows
    single, product = (limit - float(np.log(thresholds.level / 2)) for limit in limits)
    rivals = [place for place in strongest.tolist() if place not in effects][: thresholds.rivals]
    places = np.array(sorted([*effects, *rivals]))
    selections = list[set[int]]()
    for _ in range(thresholds.halves // 2 if effects else 0):
        if is_late():
            break
        order = random.permutation(len(table.x))
        for rows in np.array_split(order, 2):
            subset = _make_half(table, rows, places)
            bases = subset.make_bases()
            selection = subset.start(bases, (single, product))
            if subset.scores.shape[1]:  # else all rows are of one class
                selection.run(subset.make_products(bases, np.arange(len(places))), len(places))
            selections.append({int(places[place]) for place in selection.effects})
    if not selections:
        return {}
    return {
        place: sum(place in chosen_places for chosen_places in selections) / len(selections)
        for place in effects
    }


def _make_half(
    table: ScreenedRows, rows: Int[np.ndarray, " half"], places: Int[np.ndarray, " inputs"]
) -> ScreenedRows:
    # Scores are divided by the old roots, then standardised with those of the half
    size = table.root[rows]
    root = size / np.linalg.norm(size)
    return ScreenedRows(
        x=table.x[np.ix_(rows, places)],
        root=root,
        scores=standardize(table.scores[rows] / size[:, None], root),
        thresholds=table.thresholds,
    )
