"""Contributions of the features to single predictions: exact Shapley values, summed over independent terms.

The value of a set S of features at x is the mean prediction over the background rows with the features of S
taken from x: the interventional expectation of Janzing et al. (arXiv:1910.13413). The Shapley value of a
feature is the mean increase of this value when the feature joins, over all orders of joining (Shapley 1953;
Lundberg and Lee, arXiv:1705.07874). It is enumerated, not sampled.

Shapley values of a sum are sums of those of its terms. The outputs of many networks and formulas are sums of
terms that share no feature, so 2^k sets are enumerated for the k features of a term, and not for all of them.
In an additive model every term has one feature, whose contribution is its curve less the mean of the curve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import torch
from jaxtyping import Float, Int

from kan_engine.expressions.evaluation import variables, walk
from kan_engine.expressions.nodes import Add, Constant, Expression, Mul, Number
from kan_engine.inference.formula_predictor import FormulaPredictor
from kan_engine.inference.predictor import Predictor
from kan_engine.inference.thresholds import DEFAULT_INFERENCE, InferenceThresholds

Terms = tuple[frozenset[str], ...]


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """Contributions that add up to the predictions.

    Attributes:
        terms: Features of the independent terms; a term with one feature is additive.
        base: Mean output over the background rows [outputs].
        contributions: Of every feature to the output of a row [rows, features, outputs]: 0 for a feature that
            is not used, NaN in rows without a sum: where the model is undefined in one of the sets, or a
            network answers in place of a formula.
    """

    terms: Terms
    base: Float[np.ndarray, " outputs"]
    contributions: Float[np.ndarray, "rows features outputs"]


def find_terms(predictor: Predictor) -> Terms:
    """The features that the output combines, by independent term."""
    names = [feature.name for feature in predictor.encoding.features if feature.name not in predictor.unused]
    is_bounded = isinstance(predictor, FormulaPredictor) and predictor.within is not None
    is_curved = predictor.outputs is not None and predictor.outputs.transform != "identity"
    if isinstance(predictor, FormulaPredictor):
        sets = (
            [] if is_bounded else [_read_features(predictor, term) for term in _list_terms(predictor.trees)]
        )
    else:
        sets = [] if is_curved else list(_list_combined_features(predictor))
    if not sets and names:
        sets = [frozenset(names)]
    return _join_overlapping(sets)


def count_evaluations(terms: Terms, rows: int, background: int) -> int:
    """Number of rows that `attribute` predicts."""
    return sum((2 ** len(term) - 2) * rows * background + rows + background for term in terms)


def attribute(
    predictor: Predictor,
    encoded_rows: Float[np.ndarray, "rows inputs"],
    background: Float[np.ndarray, "background inputs"],
    terms: Terms,
    limits: InferenceThresholds = DEFAULT_INFERENCE,
    *,
    max_sum_error: float = 1e-6,
) -> Attribution:
    """Attribute outputs to features: values of a regression, log-odds of two classes, logits of more.

    Args:
        predictor: The model.
        encoded_rows: Rows to explain.
        background: Rows that a feature which has not joined is averaged over.
        terms: From `find_terms`.
        limits: Decision numbers.
        max_sum_error: Relative difference of a prediction and the sum of its contributions: rounding errors.
    """
    features = predictor.encoding.features
    output = compute_explained_outputs(predictor, background)
    contributions = np.zeros((len(encoded_rows), len(features), output.shape[1]))
    places = {feature.name: number for number, feature in enumerate(features)}
    for term in terms:
        # The features of a term are the players of a game of their own
        players = sorted(places[name] for name in term)
        columns = [predictor.encoding.locate(features[player]) for player in players]
        inputs = [np.arange(place.start, place.stop) for place in columns]
        shares = _enumerate_shares(predictor, encoded_rows, background, inputs, limits.max_batch_values)
        for player, share in zip(players, shares, strict=True):
            contributions[:, player] = share
    base, predictions = output.mean(0), compute_explained_outputs(predictor, encoded_rows)
    # Contributions add up unless an output is not finite, or a network answered in some of the sets
    gaps = np.abs(base + contributions.sum(1) - predictions)
    is_sum = gaps <= max_sum_error * (np.abs(predictions) + np.abs(contributions).sum(1) + np.abs(base))
    contributions[~is_sum.all(1)] = np.nan
    return Attribution(terms=terms, base=base, contributions=contributions)


def compute_explained_outputs(
    predictor: Predictor, encoded_rows: Float[np.ndarray, "rows inputs"]
) -> Float[np.ndarray, "rows outputs"]:
    """What contributions add up to: values of a regression, log-odds of two classes, logits of more."""
    if predictor.classes is not None:
        return predictor.raw_outputs(encoded_rows)
    values: np.ndarray = predictor.predict(encoded_rows).astype(float).reshape(len(encoded_rows), -1)
    return values


def _enumerate_shares(
    predictor: Predictor,
    encoded_rows: Float[np.ndarray, "rows inputs"],
    background: Float[np.ndarray, "background inputs"],
    inputs: list[Int[np.ndarray, " _"]],
    max_values: int,
) -> Float[np.ndarray, "players rows outputs"]:
    """Shapley values of the players of one term; all other inputs are those of the first background row."""
    players = range(len(inputs))
    values: dict[tuple[int, ...], np.ndarray] = {}
    # The value of every set of players, once
    for size in range(len(inputs) + 1):
        for members in combinations(players, size):
            values[members] = _mean_output(predictor, encoded_rows, background, inputs, members, max_values)
    shares = np.zeros((len(inputs), *values[tuple(players)].shape))
    for members, value in values.items():
        for player in players:
            if player in members:
                # Share of the orders in which exactly the other members join before the player
                before = values[tuple(member for member in members if member != player)]
                weight = 1 / (len(inputs) * comb(len(inputs) - 1, len(members) - 1))
                shares[player] += weight * (value - before)
    return shares


def _mean_output(
    predictor: Predictor,
    encoded_rows: Float[np.ndarray, "rows inputs"],
    background: Float[np.ndarray, "background inputs"],
    inputs: list[Int[np.ndarray, " _"]],
    members: tuple[int, ...],
    max_values: int,
) -> Float[np.ndarray, "rows outputs"]:
    """Mean output over the background rows with the inputs of these players from every row."""
    # Inputs of the set come from the row, those of other players from every background row in turn
    member_columns = (
        np.concatenate([inputs[player] for player in members]) if members else np.zeros(0, dtype=int)
    )
    absent_inputs = [inputs[player] for player in range(len(inputs)) if player not in members]
    absent_columns = np.concatenate(absent_inputs) if absent_inputs else np.zeros(0, dtype=int)
    background_rows = background if absent_inputs else background[:1]
    # The empty set has the same value in all rows
    if not members:
        table = np.tile(background[:1], (len(background_rows), 1))
        table[:, absent_columns] = background_rows[:, absent_columns]
        mean = compute_explained_outputs(predictor, table).mean(0)
        return np.tile(mean, (len(encoded_rows), 1))
    means = []
    for start in range(
        0, len(encoded_rows), step := max(1, max_values // (len(background_rows) * encoded_rows.shape[1]))
    ):
        # Every row of the block with every background row, in one table
        rows = encoded_rows[start : start + step]
        table = np.tile(background[:1], (len(rows) * len(background_rows), 1))
        table[:, absent_columns] = np.tile(background_rows[:, absent_columns], (len(rows), 1))
        table[:, member_columns] = np.repeat(rows[:, member_columns], len(background_rows), axis=0)
        outputs = compute_explained_outputs(predictor, table)
        means.append(outputs.reshape(len(rows), len(background_rows), -1).mean(1))
    return np.concatenate(means)


def _list_terms(trees: Iterable[Expression]) -> Iterator[Expression]:
    """The terms of sums, also of sums times a number."""
    for tree in trees:
        if isinstance(tree, Add):
            yield from _list_terms(tree.terms)
            continue
        factors = tree.factors if isinstance(tree, Mul) else ()
        varying = [factor for factor in factors if not isinstance(factor, Number | Constant)]
        if len(varying) == 1 and isinstance(varying[0], Add):
            yield from _list_terms(varying)
        else:
            yield tree


def _read_features(predictor: Predictor, term: Expression) -> frozenset[str]:
    read = variables(term)
    return frozenset(column.feature for column in predictor.encoding.names if column.name in read)


def _list_combined_features(predictor: Predictor) -> Iterator[frozenset[str]]:
    """The features that act together: those of each node before a sum, of each product, of a direct edge."""
    network, names = predictor.network, predictor.encoding.names
    features = sorted({column.feature for column in names})
    # Whether a node depends on a feature: from the inputs through all live edges
    reach = torch.tensor([[column.feature == feature for feature in features] for column in names])
    direct = reach[network.direct.mask.any(1)] if network.direct is not None else reach[:0]
    for layer in network.stack[:-1]:
        reach = (layer.mask.double().T @ reach.double()) > 0
    outputs = network.stack[-1]
    sums = outputs.out_dim - outputs.products
    joined = (outputs.mask[:, sums:].double().T @ reach.double()) > 0
    for node in torch.cat([reach[outputs.mask[:, :sums].any(1)], joined, direct]).tolist():
        yield frozenset(feature for feature, is_read in zip(features, node, strict=True) if is_read)


def _join_overlapping(sets: Iterable[frozenset[str]]) -> Terms:
    groups: list[frozenset[str]] = []
    for features in sets:
        near = [group for group in groups if group & features]
        groups = [group for group in groups if not group & features]
        groups.append(features.union(*near))
    return tuple(term for term in groups if term)


def count_operations(predictor: Predictor) -> int:
    """Activations, or operations of the formulas, of one predicted row."""
    if isinstance(predictor, FormulaPredictor):
        return sum(1 for tree in predictor.trees for _ in walk(tree))
    return max(1, predictor.network.edge_count)
