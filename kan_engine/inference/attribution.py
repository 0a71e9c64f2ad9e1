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
from jaxtyping import Float

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
    used = [feature.name for feature in predictor.encoding.features if feature.name not in predictor.unused]
    is_bounded = isinstance(predictor, FormulaPredictor) and predictor.within is not None
    is_curved = predictor.outputs is not None and predictor.outputs.transform != "identity"
    if isinstance(predictor, FormulaPredictor):
        sets = (
            [] if is_bounded else [_read_features(predictor, term) for term in _list_terms(predictor.trees)]
        )
    else:
        sets = [] if is_curved else list(_list_combined_features(predictor))
    if not sets and used:
        sets = [frozenset(used)]
    return _join_overlapping(sets)


def count_evaluations(terms: Terms, rows: int, background: int) -> int:
    """Number of rows that `attribute` predicts."""
    return sum((2 ** len(term) - 2) * rows * background + rows + background for term in terms)


def attribute(
    predictor: Predictor,
    encoded: Float[np.ndarray, "rows inputs"],
    background: Float[np.ndarray, "background inputs"],
    terms: Terms,
    limits: InferenceThresholds = DEFAULT_INFERENCE,
) -> Attribution:
    """Attribute outputs to features: values of a regression, log-odds of two classes, logits of more.

    Args:
        predictor: The model.
        encoded: Rows to explain.
        background: Rows that a feature which has not joined is averaged over.
        terms: From `find_terms`.
        limits: Decision numbers.
    """
    features = predictor.encoding.features
    output = compute_explained_outputs(predictor, background)
    contributions = np.zeros((len(encoded), len(features), output.shape[1]))
    places = {feature.name: number for number, feature in enumerate(features)}
    for term in terms:
        players = sorted(places[name] for name in term)
        columns = [predictor.encoding.locate(features[player]) for player in players]
        inputs = [np.arange(place.start, place.stop) for place in columns]
        shares = _enumerate_shares(predictor, encoded, background, inputs, limits.max_batch_values)
        for player, share in zip(players, shares, strict=True):
            contributions[:, player] = share
    base, told = output.mean(0), compute_explained_outputs(predictor, encoded)
    gaps = np.abs(base + contributions.sum(1) - told)
    is_sum = gaps <= limits.max_sum_error * (np.abs(told) + np.abs(contributions).sum(1) + np.abs(base))
    contributions[~is_sum.all(1)] = np.nan
    return Attribution(terms=terms, base=base, contributions=contributions)


def compute_explained_outputs(
    predictor: Predictor, encoded: Float[np.ndarray, "rows inputs"]
) -> Float[np.ndarray, "rows outputs"]:
    """What contributions add up to: values of a regression, log-odds of two classes, logits of more."""
    if predictor.classes is not None:
        return predictor.raw_outputs(encoded)
    values: np.ndarray = predictor.predict(encoded).astype(float).reshape(len(encoded), -1)
    return values


def _enumerate_shares(
    predictor: Predictor,
    encoded: np.ndarray,
    background: np.ndarray,
    inputs: list[np.ndarray],
    max_values: int,
) -> Float[np.ndarray, "players rows outputs"]:
    """Shapley values of the players of one term; all other inputs are those of the first background row."""
    players = range(len(inputs))
    values: dict[tuple[int, ...], np.ndarray] = {}
    for size in range(len(inputs) + 1):
        for members in combinations(players, size):
            values[members] = _mean_output(predictor, encoded, background, inputs, members, max_values)
    shares = np.zeros((len(inputs), *values[tuple(players)].shape))
    for members, value in values.items():
        for player in players:
            if player in members:
                before = values[tuple(other for other in members if other != player)]
                weight = 1 / (len(inputs) * comb(len(inputs) - 1, len(members) - 1))
                shares[player] += weight * (value - before)
    return shares


def _mean_output(
    predictor: Predictor,
    encoded: np.ndarray,
    background: np.ndarray,
    inputs: list[np.ndarray],
    members: tuple[int, ...],
    max_values: int,
) -> Float[np.ndarray, "rows outputs"]:
    """Mean output over the background rows with the inputs of these players from every row."""
    own = np.concatenate([inputs[player] for player in members]) if members else np.zeros(0, dtype=int)
    rest = [inputs[player] for player in range(len(inputs)) if player not in members]
    mixed = np.concatenate(rest) if rest else np.zeros(0, dtype=int)
    others = background if rest else background[:1]
    if not members:
        table = np.tile(background[:1], (len(others), 1))
        table[:, mixed] = others[:, mixed]
        mean = compute_explained_outputs(predictor, table).mean(0)
        return np.tile(mean, (len(encoded), 1))
    found = []
    for start in range(0, len(encoded), step := max(1, max_values // (len(others) * encoded.shape[1]))):
        rows = encoded[start : start + step]
        table = np.tile(background[:1], (len(rows) * len(others), 1))
        table[:, mixed] = np.tile(others[:, mixed], (len(rows), 1))
        table[:, own] = np.repeat(rows[:, own], len(others), axis=0)
        outputs = compute_explained_outputs(predictor, table)
        found.append(outputs.reshape(len(rows), len(others), -1).mean(1))
    return np.concatenate(found)


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
    """The features that lead to each node before the outputs, and those of the direct edges."""
    network, names = predictor.network, predictor.encoding.names
    features = sorted({column.feature for column in names})
    reach = torch.tensor([[column.feature == feature for feature in features] for column in names])
    direct = reach[network.direct.mask.any(1)] if network.direct is not None else reach[:0]
    for layer in network.stack[:-1]:
        reach = (layer.mask.double().T @ reach.double()) > 0
    nodes = reach[network.stack[-1].mask.any(1)]
    for node in torch.cat([nodes, direct]).tolist():
        yield frozenset(feature for feature, is_read in zip(features, node, strict=True) if is_read)


def _join_overlapping(sets: Iterable[frozenset[str]]) -> Terms:
    joined: list[frozenset[str]] = []
    for found in sets:
        near = [other for other in joined if other & found]
        joined = [other for other in joined if not other & found]
        joined.append(found.union(*near))
    return tuple(term for term in joined if term)


def count_operations(predictor: Predictor) -> int:
    """Activations, or operations of the formulas, of one predicted row."""
    if isinstance(predictor, FormulaPredictor):
        return sum(1 for tree in predictor.trees for _ in walk(tree))
    return max(1, predictor.network.edge_count)
