"""KAN: a network to work on by hand, with the operations that pykan has, under their names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from kan_engine.errors import InvalidConfig, InvalidData
from kan_engine.expressions.evaluation import Expression
from kan_engine.expressions.formulas_of_x import find_function
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.formulas.reading.fix_edges import fix_edges_
from kan_engine.formulas.reading.univariate_fit import FitPoints, Suggestion, suggest
from kan_engine.hypotheses.structure import Structure, find_structure
from kan_engine.hypotheses.subjects import examine_network
from kan_engine.network import edits, expansion, kan
from kan_engine.network.compiled.network import compile_network
from kan_engine.network.formula_network import build_formula_network
from kan_engine.network.grid_updates import refine, update_grid_
from kan_engine.network.header import NetworkHeader
from kan_engine.network.inputs import remove_inputs
from kan_engine.network.kan import KANConfig, initialise_
from kan_engine.network.layer import SymbolicEdge
from kan_engine.network.node_scores import attribute, feature_interaction, feature_score, node_scores
from kan_engine.network.product_layers import Nodes, plan_layers
from kan_engine.network.pruning import drop_dead_edges_, edge_scores, prune, remove_dead_nodes
from kan_engine.splines.thresholds import DEFAULT_GRIDS
from kan_engine.training.config import TrainingConfig
from kan_engine.training.loop import TrainingStep, train
from kan_engine.training.losses import Loss
from kan_engine.training.regularization import regularization
from kan_engine.training.rows import TrainingRows
from kan_engine.workbench.drawing import plot
from kan_engine.workbench.formula_fits import fit_formula
from kan_engine.workbench.formulas import Scale, list_splines, read_formula, write_formulas

P = ParamSpec("P")
Rows = Float[Tensor, "rows in_dim"]


def _derive(change: Callable[Concatenate[KAN, P], KAN]) -> Callable[Concatenate[KAN, P], KAN]:
    """A method whose result knows what it was made from."""

    @wraps(change)
    def method(network: KAN, /, *args: P.args, **options: P.kwargs) -> KAN:
        changed = change(network, *args, **options)
        changed.past, changed.formulas = (*network.past, network.copy()), network.formulas
        changed.operation = change.__name__
        return changed

    return method


def _make_edge(fit: Suggestion) -> SymbolicEdge:
    return SymbolicEdge(fit.function, fit.a, fit.b, fit.c, fit.d, is_trained=True)


def _rank_functions(
    inputs: Float[np.ndarray, " rows"],
    values: Float[np.ndarray, " rows"],
    weight_simple: float,
    formulas: Sequence[str],
) -> list[Suggestion]:
    own = [fit_formula(formula, inputs, values) for formula in formulas]
    fits = [*suggest(FitPoints(inputs), values), *(fit for fit in own if fit is not None)]
    return sorted(fits, key=lambda fit: fit.rate(weight_simple))


class KAN(kan.KAN):
    """A network to work on by hand.

    What changes a network returns a new one, but for ``fit``, which trains this one and keeps a copy of what
    was before. Edges are (layer, i, j): from node i of a layer to node j of the next; the inputs are layer 0.

        >>> x = torch.linspace(-1, 1, 50, dtype=torch.float64)[:, None]
        >>> network = KAN.create((1, 2, 1), grid_size=5, seed=0)
        >>> losses = [step.loss for step in network.fit(x, x**2, steps=5)]
        >>> network.prune(x).refine(10).history()
        ['0 create', '1 fit', '2 prune', '3 refine']

    Attributes:
        operation: What it was made by.
        past: Copies of its earlier states in their order; ``history`` lists and ``checkout`` returns them.
        formulas: Formulas in x that are tried beside the functions of the library.
    """

    def __init__(self, config: KANConfig) -> None:
        super().__init__(config)
        self.operation, self.past, self.formulas = "create", tuple[KAN, ...](), tuple[str, ...]()

    @staticmethod
    def create(
        width: Sequence[Nodes],
        *,
        seed: int = 0,
        sparse: bool = False,
        noise_scale: float = 0.3,
        mult_arity: int | Sequence[Sequence[int]] = 2,
        affine: bool = False,
        **shape: Any,
    ) -> KAN:
        """Create a network whose activations are near random lines.

            >>> KAN.create((2, (3, 2), 1)).config.width  # seven sums: three, and two for each of two products
            (2, 7, 5, 1)

        Args:
            width: Nodes per layer; a pair are sums, and products of sums, which take a layer of their own.
            seed: Of the random numbers.
            sparse: Whether only one random edge leads to every node, as after pykan's ``sparse_init``.
            noise_scale: Largest deviation from the lines.
            mult_arity: Factors of every product, or of each product of every layer.
            affine: Whether every sum of a hidden layer, factors among them, has a trained scale and shift.
            shape: Further fields of ``KANConfig``, such as ``products`` of single activations.
        """
        plan = plan_layers(width, mult_arity, affine=affine)
        network = KAN(KANConfig(**{"width": plan.width, "products": plan.products} | shape))
        generator = torch.Generator().manual_seed(seed)
        initialise_(network, generator, noise=noise_scale)
        for layer in network.all_layers if sparse else ():
            kept = torch.randint(layer.in_dim, (layer.out_dim,), generator=generator)
            layer.mask &= torch.arange(layer.in_dim)[:, None] == kept
        plan.link_(network)
        return network

    @staticmethod
    def from_network(network: kan.KAN) -> KAN:
        """A network to work on, with the weights of another one, such as that of a predictor."""
        own = KAN.from_header(network.to_header()).to(network.stack[0].weight)
        own.load_state_dict(network.state_dict())
        return own

    @staticmethod
    def from_formula(
        formulas: str | Sequence[str], names: Sequence[str], *, x: Rows | None = None, **shape: Any
    ) -> KAN:
        """A network that is a formula to rounding, as a start of a training: ``kanpiler`` of pykan.

        Every edge is a function of the library plus a spline that is zero: ``fit`` corrects the functions of
        the formula, and adds no edges to it.

            >>> network = KAN.from_formula("m*v**2/2", ["m", "v"])
            >>> network(torch.tensor([[2.0, 3.0]], dtype=torch.float64)).tolist()
            [[9.0]]

        Args:
            formulas: The formula, or one for every output, in the names of the inputs.
            names: Of the inputs.
            x: Rows over whose values the grids lie.
            shape: ``grid_size``, ``order`` and ``base``, as in ``KANConfig``.

        Raises:
            InvalidForm: A text is no formula of these inputs.
        """
        texts = [formulas] if isinstance(formulas, str) else formulas
        network = KAN.from_network(
            build_formula_network([read_formula(text, names) for text in texts], names, **shape)
        )
        network.operation = "from_formula"
        if x is not None:
            update_grid_(network, x, thresholds=DEFAULT_GRIDS)
        return network

    def copy(self) -> KAN:
        """A deep copy, with the same past."""
        twin = kan.copy_network(self)
        twin.operation, twin.past, twin.formulas = self.operation, self.past, self.formulas
        return twin

    # Changes
    remove_edge = _derive(edits.remove_edge)
    remove_node = _derive(edits.remove_node)
    module = _derive(edits.keep_module)
    swap = _derive(edits.swap)
    auto_swap = _derive(edits.auto_swap)
    perturb = _derive(edits.perturb)
    set_mode = _derive(edits.set_mode)
    unfix_symbolic = _derive(edits.unfix_symbolic)
    unfix_symbolic_all = _derive(edits.unfix_symbolic_all)
    expand_width = _derive(expansion.expand_width)
    expand_depth = _derive(expansion.expand_depth)
    initialize_from_another_model = _derive(expansion.initialize_from_another_model)
    initialize_grid_from_another_model = _derive(expansion.initialize_grid_from_another_model)
    refine = _derive(refine)
    prune = _derive(prune)

    @_derive
    def prune_edge(self, x: Rows, threshold: float = 3e-2) -> KAN:
        """The network without edges whose score is below a share of the highest score of their layer."""
        changed = kan.copy_network(self)
        for layer, score in zip(changed.all_layers, edge_scores(self, x), strict=True):
            layer.mask &= score >= threshold * score.amax()
        return changed

    @_derive
    def prune_node(self, x: Rows, threshold: float = 1e-2) -> KAN:
        """The network without the hidden nodes whose score is below a share of the highest of their layer."""
        changed = kan.copy_network(self)
        for number, scores in enumerate(self.node_scores(x)[1:-1], start=1):
            is_weak = scores < threshold * scores.amax()
            changed.stack[number - 1].mask[:, is_weak] = False
            changed.stack[number].mask[is_weak] = False
        drop_dead_edges_(changed)
        return changed if changed.config.groups > 1 else remove_dead_nodes(changed)

    @_derive
    def prune_input(self, x: Rows, threshold: float = 1e-2) -> KAN:
        """The network without edges from inputs whose score is below a share of the highest."""
        scores = self.feature_score(x)
        return remove_inputs(self, (scores < threshold * scores.amax()).nonzero()[:, 0].tolist())

    @_derive
    def update_grid_from_samples(self, x: Rows, grid_eps: float = 1.0) -> KAN:
        """The network with grids where the rows are: uniform for a ``grid_eps`` of 1, quantiles for 0."""
        changed = kan.copy_network(self)
        update_grid_(changed, x, uniform_share=grid_eps, thresholds=DEFAULT_GRIDS)
        return changed

    @_derive
    def fix_symbolic(
        self,
        layer: int,
        i: int,
        j: int,
        function: str,
        x: Rows | None = None,
        constants: Sequence[float] = (),
    ) -> KAN:
        """The network with a function of the library on an edge; ``fit`` trains its constants as well.

        Args:
            layer, i, j: The edge.
            function: Name in the library, or a formula in x, such as ``x*exp(-x**2)``.
            x: Rows at which c·f(a·h + b) + d is fitted to the activation.
            constants: a, b, c and d, in place of a fit.

        Raises:
            InvalidData: The function is undefined on the inputs of the edge, or no better than a line.
            InvalidConfig: There is no such function, or there are neither rows nor constants.
        """
        if constants:
            edge = SymbolicEdge(find_function(function).name, *map(float, constants), is_trained=True)
            return edits.set_function(self, layer, i, j, edge)
        if x is None:
            raise InvalidConfig("give rows x to fit the constants, or constants = (a, b, c, d)")
        if function not in LIBRARY:
            fit = fit_formula(function, *self.get_fun(x, layer, i, j))
            if fit is None:
                raise InvalidData(f"{function} is undefined on the inputs of edge ({layer}, {i}, {j})")
            return edits.set_function(self, layer, i, j, _make_edge(fit))
        changed = kan.copy_network(self)
        fix_edges_(changed, {(layer, i, j): function}, x)
        symbolic = changed.all_layers[layer].symbolic
        symbolic[i, j] = replace(symbolic[i, j], is_trained=True)
        return changed

    @_derive
    def auto_symbolic(self, x: Rows, weight_simple: float = 0.8, r2_threshold: float = 0.0) -> KAN:
        """The network with the best function on each live spline, ranked as in ``suggest_symbolic``.

        A spline stays where no function reaches ``r2_threshold``. ``fit`` trains the constants as well.
        """
        changed = kan.copy_network(self)
        for layer, h, values in zip(changed.all_layers, self.preacts(x), self.get_act(x), strict=True):
            for i, j in list_splines(layer):
                curve = h[:, i].numpy(), values[:, i, j].numpy()
                fits = _rank_functions(*curve, weight_simple, self.formulas)
                if fits and fits[0].r2 >= r2_threshold:
                    layer.symbolic[i, j] = _make_edge(fits[0])
        return changed

    def add_symbolic(self, formula: str) -> KAN:
        """A copy whose ``suggest_symbolic`` and ``auto_symbolic`` also try a function of one's own.

        Args:
            formula: In x, such as ``x*exp(-x**2)``.

        Raises:
            InvalidConfig: It is no formula in x.
        """
        changed = self.copy()
        changed.formulas = (*self.formulas, find_function(formula).name)
        return changed

    # Reading
    node_scores = node_scores
    speed = compile_network
    edge_scores = edge_scores
    plot = plot
    feature_score = feature_score
    attribute = attribute
    feature_interaction = feature_interaction

    def connection_cost(self, x: Rows) -> float:
        """Sum of the scores of all edges times their lengths; see ``edits.measure_connection_cost``."""
        return edits.measure_connection_cost(edge_scores(self, x)[: len(self.stack)])

    @torch.no_grad()
    def get_act(self, x: Rows) -> list[Float[Tensor, "rows _ _"]]:
        """Activations [rows, in, out] of every layer of ``all_layers``."""
        return [layer.postacts(h) for layer, h in zip(self.all_layers, self.preacts(x), strict=True)]

    def get_fun(
        self, x: Rows, layer: int, i: int, j: int
    ) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
        """Inputs of an edge in ascending order, and its activations there."""
        h = self.preacts(x)[layer]
        with torch.no_grad():
            values = self.all_layers[layer].postacts(h)[:, i, j].numpy()
        order = np.argsort(h[:, i].numpy())
        return h[:, i].numpy()[order], values[order]

    def get_range(self, x: Rows, layer: int, i: int, j: int) -> tuple[float, float, float, float]:
        """Smallest and largest input of an edge, smallest and largest activation."""
        inputs, values = self.get_fun(x, layer, i, j)
        return float(inputs[0]), float(inputs[-1]), float(values.min()), float(values.max())

    def suggest_symbolic(
        self, x: Rows, layer: int, i: int, j: int, *, topk: int = 5, weight_simple: float = 0.8
    ) -> list[Suggestion]:
        """Functions that fit an activation, best first, ranked as in pykan.

        Args:
            x: Rows.
            layer, i, j: The edge.
            topk: Number of functions.
            weight_simple: Weight of the complexity against log2 of 1 - R².
        """
        return _rank_functions(*self.get_fun(x, layer, i, j), weight_simple, self.formulas)[:topk]

    def symbolic_formula(
        self,
        names: Sequence[str] | None = None,
        *,
        x: Rows | None = None,
        normalizer: Scale | None = None,
        output_normalizer: Scale | None = None,
    ) -> list[Expression]:
        """One formula per output of a network whose activations are all functions of the library.

        Args:
            names: Of the inputs; ``x_1``, ``x_2``, … by default.
            x: Rows on which the formulas are simplified without a change of their values.
            normalizer: Means and standard deviations by which the inputs were scaled, to undo it.
            output_normalizer: The same of the outputs.

        Raises:
            InvalidConfig: A live activation is a spline.
        """
        names = names or [f"x_{place + 1}" for place in range(self.config.width[0])]
        formulas = write_formulas(self, names, normalizer, output_normalizer)
        if x is None:
            return formulas
        columns = dict(zip(names, x.detach().double().numpy().T, strict=True))
        return [simplify(formula, columns) for formula in formulas]

    def tree(self, x: Rows, *, output: int = 0, tolerance: float = 0.01) -> Structure:
        """What kind of law an output is around rows; see ``explain_structure`` for tables and estimators."""
        return find_structure(examine_network(self, x, output), tolerance=tolerance)

    # Training
    def fit(
        self,
        x: Rows,
        y: Float[Tensor, "rows out_dim"],
        *,
        validation: tuple[Rows, Float[Tensor, "rows out_dim"]] | None = None,
        loss_fn: Callable[[Tensor, Tensor], Tensor] | None = None,
        generator: torch.Generator | None = None,
        **settings: Any,
    ) -> Iterator[TrainingStep]:
        """Train this network in place, step by step; ``list(network.fit(x, y))`` takes all steps.

        A metric of one's own can be computed of the network after any step.

        Args:
            x: Inputs.
            y: Targets.
            validation: Rows that select the best step.
            loss_fn: Mean loss of outputs and targets, such as those of ``torch.nn.functional``, in place of
                the squared error.
            generator: Source of the order of batches.
            settings: Fields of ``TrainingConfig``: ``optimizer``, ``steps``, ``lamb``, ``grid_schedule``, …

        Raises:
            InvalidConfig: A setting is unknown or out of its range.
        """
        if loss_fn is not None:
            settings["loss"] = Loss.from_function(loss_fn)
        try:
            config = TrainingConfig(**settings)
        except TypeError as error:
            raise InvalidConfig(f"no setting of a training: {error}") from error
        self.past, self.operation = (*self.past, self.copy()), "fit"
        rows = TrainingRows.create(x, y)
        held_out = None if validation is None else TrainingRows.create(*validation)
        return train(self, rows, config, validation=held_out, generator=generator)

    @torch.no_grad()
    def evaluate(self, x: Rows, y: Float[Tensor, "rows out_dim"]) -> dict[str, float]:
        """Root mean squared error on rows, number of live edges and of grid intervals."""
        loss = float((self(x) - y).square().mean().sqrt())
        return {"test_loss": loss, "n_edge": self.edge_count, "n_grid": self.stack[0].grid_size}

    def get_reg(self, x: Rows, **weights: Any) -> Float[Tensor, ""]:
        """The sparsity penalty without its factor λ; ``weights`` are those of ``TrainingConfig``."""
        return regularization(self, x, TrainingConfig(**weights))

    # Versions
    def history(self) -> list[str]:
        """The operations that led to this network, with their numbers for ``checkout``."""
        return [f"{number} {state.operation}" for number, state in enumerate((*self.past, self))]

    def checkout(self, number: int) -> KAN:
        """A copy of an earlier state, by its number in ``history``.

        Raises:
            InvalidConfig: There is no such state.
        """
        states = (*self.past, self)
        if not 0 <= number < len(states):
            raise InvalidConfig(f"there is no state {number}; the states are 0 to {len(states) - 1}")
        return states[number].copy()

    rewind = checkout

    def saveckpt(self, path: str | Path) -> None:
        """Write the network to a file of safetensors, without its past."""
        header = json.dumps(self.to_header().to_dict())
        save_file(
            {name: value.contiguous() for name, value in self.state_dict().items()}, path, {"kan": header}
        )

    @staticmethod
    def loadckpt(path: str | Path) -> KAN:
        """Read a network that ``saveckpt`` wrote.

        Raises:
            InvalidData: The file does not hold one.
        """
        try:
            with safe_open(path, "pt") as file:
                header = NetworkHeader.from_dict(json.loads(file.metadata()["kan"]))
            network = KAN.from_header(header)
            network.load_state_dict(load_file(path))
        except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            raise InvalidData(f"{path} does not hold a network: {error}") from error
        return network
