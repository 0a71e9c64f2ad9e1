"""A network to work on by hand: operations of pykan 0.2.8 have the same names, and do what these say."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from kan_engine import explain_structure
from kan_engine.errors import InvalidConfig, InvalidData
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.forms.template import InvalidForm
from kan_engine.workbench.kan import KAN
from tests.support.engine.networks import uniform_rows

X = uniform_rows(200, 2)
Y = torch.sin(np.pi * X[:, :1]) + X[:, 1:] ** 2


def make(width: tuple[int, ...] = (2, 3, 1), **shape: object) -> KAN:
    return KAN.create(width, **shape)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained() -> KAN:
    """[2, 1, 1], which the sum of a sine and a square needs."""
    network = make((2, 1, 1), grid_size=10)
    list(network.fit(X, Y, steps=40))
    return network


def test_fit_takes_steps_in_place_and_keeps_what_was_before() -> None:
    network = make()
    before, count = network(X).detach(), 0
    for step in network.fit(X, Y, optimizer="lbfgs", steps=15, lamb=1e-4, lamb_coef=0.1):
        count += 1
        assert step.loss > 0
    assert count == 15
    assert network.evaluate(X, Y)["test_loss"] < 0.3
    torch.testing.assert_close(network.checkout(0)(X), before)
    assert network.history() == ["0 create", "1 fit"]


def test_fit_refuses_a_setting_that_there_is_not() -> None:
    with pytest.raises(InvalidConfig, match="lamb_l3"):
        make().fit(X, Y, lamb_l3=1.0)


def test_history_checkout_and_rewind_go_back_to_any_state() -> None:
    network = make().refine(10).expand_width(1, 2, generator=torch.Generator()).remove_edge(0, 0, 0)
    assert network.history() == ["0 create", "1 refine", "2 expand_width", "3 remove_edge"]
    assert network.checkout(1).config.width == (2, 3, 1)
    assert network.rewind(1).stack[0].grid_size == 10
    assert network.checkout(2).history() == ["0 create", "1 refine", "2 expand_width"]
    with pytest.raises(InvalidConfig, match="states are 0 to 3"):
        network.checkout(4)


def test_a_state_stays_as_it_was_when_what_it_was_made_from_is_trained_further() -> None:
    network = make()
    before = network(X).detach()
    finer = network.refine(10)
    list(network.fit(X, Y, steps=3))
    torch.testing.assert_close(finer.checkout(0)(X), before)


def test_what_changes_a_network_leaves_it_as_it_was() -> None:
    network = make()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    changes = [
        network.prune(X, threshold=0.3),
        network.prune_edge(X, 0.3),
        network.prune_node(X, 0.5),
        network.prune_input(X, 0.9),
        network.perturb(0.1, "all", generator=generator),
        network.update_grid_from_samples(3 * X, grid_eps=0.5),
        network.swap(1, 0, 2),
        network.auto_swap(X),
        network.module(0, "[0]->[0]"),
        network.remove_node(1, 1),
        network.auto_symbolic(X),
    ]
    for changed in changes:
        assert isinstance(changed, KAN)
        assert changed.history() == ["0 create", f"1 {changed.operation}"]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network.layers[0].symbolic


def test_prune_edge_prune_node_and_prune_input_remove_what_matters_little(trained: KAN) -> None:
    larger = trained.expand_width(1, 2, generator=torch.Generator().manual_seed(1))
    assert larger.prune_edge(X).edge_count == trained.edge_count
    assert larger.prune_node(X).config.width == (2, 1, 1)
    torch.testing.assert_close(larger.prune_node(X)(X), trained(X))
    wider = make((3, 2, 1))
    wider.layers[0].weight.data[2] *= 1e-4
    assert wider.prune_input(uniform_rows(50, 3)).layers[0].mask.any(1).tolist() == [True, True, False]


def test_sparse_init_leaves_one_edge_to_every_node() -> None:
    network = make((4, 5, 2), sparse=True)
    assert all(layer.mask.sum(0).tolist() == [1] * layer.out_dim for layer in network.stack)


def test_noise_scale_is_how_far_activations_are_from_lines() -> None:
    straight, bent = (make((1, 1), noise_scale=noise).get_fun(X[:, :1], 0, 0, 0) for noise in (0.0, 1.0))
    slopes = [np.diff(values) / np.diff(inputs) for inputs, values in (straight, bent)]
    assert float(np.ptp(slopes[0])) < 1e-9
    assert float(np.ptp(slopes[1])) > 0.1


def test_mult_arity_makes_products_of_sums() -> None:
    network = make((2, (1, 2), 1), mult_arity=[[], [2, 3], []], grid_size=3)
    assert (network.config.width, network.config.products) == ((2, 6, 3, 1), (0, 2, 0))
    sums = network.preacts(X)[1]
    products = torch.stack([sums[:, 0], sums[:, 1:3].prod(1), sums[:, 3:].prod(1)], 1)
    torch.testing.assert_close(network.preacts(X)[2], products)
    product = make((2, (0, 1), 1), grid_size=3)
    list(product.fit(X, X[:, :1] * X[:, 1:], steps=30))
    assert product.evaluate(X, X[:, :1] * X[:, 1:])["test_loss"] < 1e-3
    with pytest.raises(InvalidConfig, match=r"layer 1 has 2 products; mult_arity gives \[1, 3\] factors"):
        make((2, (1, 2), 1), mult_arity=[[], [1, 3], []])
    with pytest.raises(InvalidConfig, match="width begins with the number of inputs"):
        make(((1, 1), 1))


def test_affine_gives_every_sum_a_scale_and_a_shift_that_are_trained() -> None:
    network = make((2, 3, 1), affine=True)
    plain = make((2, 3, 1))
    assert network.config.width == (2, 3, 3, 1)
    torch.testing.assert_close(network.preacts(X)[2], plain.preacts(X)[1])
    before = dict(network.layers[1].symbolic)
    list(network.fit(X, Y, steps=5))
    assert all(network.layers[1].symbolic[place] != edge for place, edge in before.items())


@pytest.mark.parametrize("optimizer", ["levenberg_marquardt", "lbfgs", "adam"])
@pytest.mark.parametrize("frozen", ["train_base", "train_splines"])
def test_sb_trainable_and_sp_trainable_hold_base_functions_or_splines(optimizer: str, frozen: str) -> None:
    network = make((2, 2, 1), grid_size=3)
    for layer in network.stack:
        layer.weight.data[:, -1] = 0.25
    list(network.fit(X, Y, steps=1))  # the grids of the inputs stay from here on
    layer = network.stack[0]
    before = layer.weight.detach().clone()
    settings = {"optimizer": optimizer, "steps": 9, "precision": "float64", frozen: False}
    losses = [step.loss for step in network.fit(X, Y, **settings)]
    assert losses[-1] < losses[0]
    change = (layer.weight - before).detach().abs().amax((0, 2))
    base, splines = float(change[-1]), float(change[:-1].max())
    held, trained = (base, splines) if frozen == "train_base" else (splines, base)
    assert held < 1e-6 < trained


@pytest.mark.parametrize("optimizer", ["levenberg_marquardt", "lbfgs"])
def test_loss_fn_is_minimised_and_any_metric_is_read_between_steps(optimizer: str) -> None:
    """Absolute errors, smoothed: a few wild rows hardly move the fit, which squared errors follow."""
    wild = Y.clone()
    wild[::20] += 10.0
    errors = {}
    for loss_fn in (None, lambda f, y: ((f - y).square() + 1e-3).sqrt().mean()):
        network = make((2, 1, 1), grid_size=3)
        medians = [
            float((network(X) - Y).abs().median().detach())
            for _ in network.fit(X, wild, loss_fn=loss_fn, optimizer=optimizer, steps=30)
        ]
        errors[loss_fn is None] = medians[-1]
    assert errors[False] < 0.3 * errors[True]


def test_fit_trains_the_constants_of_functions_to_rounding() -> None:
    y = torch.exp(torch.sin(np.pi * X[:, :1]) + X[:, 1:] ** 2)
    rough = make((2, 1, 1))
    for edge, function, constants in (
        ((0, 0, 0), "sin", (3.0, 0.1, 1.1, 0.0)),
        ((0, 1, 0), "x^2", (1.0, 0.1, 0.9, 0.0)),
        ((1, 0, 0), "exp", (1.1, 0.0, 1.0, 0.1)),
    ):
        rough = rough.fix_symbolic(*edge, function, constants=constants)
    list(rough.fit(X, y, steps=60))
    assert rough.evaluate(X, y)["test_loss"] < 1e-12
    assert to_text(rough.symbolic_formula(["a", "b"], x=X)[0]) == "exp(sin(pi*a) + b**2)"


def test_singularity_avoiding_is_not_needed_since_steps_over_a_pole_are_refused() -> None:
    network = make((1, 1)).fix_symbolic(0, 0, 0, "1/x", constants=(1.0, 1.02, 1.0, 0.0))
    x = X[:, :1]
    losses = [step.loss for step in network.fit(x, 2 / (x + 1.3), steps=40)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-20


def test_add_symbolic_fits_draws_stores_and_writes_a_function_of_ones_own(tmp_path: Path) -> None:
    x, function = 3 * X[:, :1], "x*exp(-x**2)"
    y = 2 * (1.5 * x - 0.3) * torch.exp(-((1.5 * x - 0.3) ** 2)) + 1
    network = make((1, 1), grid_size=30)
    list(network.fit(x, y, steps=30))
    own = network.add_symbolic(function)
    assert (own.formulas, network.formulas) == ((function,), ())
    assert function not in [fit.function for fit in network.suggest_symbolic(x, 0, 0, 0)]
    assert own.suggest_symbolic(x, 0, 0, 0, weight_simple=0.0)[0].function == function
    for fixed in (own.auto_symbolic(x, weight_simple=0.0), network.fix_symbolic(0, 0, 0, function, x)):
        list(fixed.fit(x, y, steps=20))
        assert fixed.evaluate(x, y)["test_loss"] < 1e-12
        np.testing.assert_allclose(fixed.speed()(x.numpy()), y.numpy(), atol=1e-12)
    fixed.saveckpt(tmp_path / "own.safetensors")
    assert torch.equal(KAN.loadckpt(tmp_path / "own.safetensors")(x), fixed(x))
    (formula,) = fixed.symbolic_formula(["u"])
    np.testing.assert_allclose(evaluate(formula, {"u": x[:, 0].numpy()}), y[:, 0].numpy(), atol=1e-12)
    for wrong in ("besselj", "2 + 3", "sin(y)", "x*(", "bump(x)"):
        with pytest.raises(InvalidConfig, match="neither a function of the library nor a formula in x"):
            network.add_symbolic(wrong)
    with pytest.raises(InvalidData, match="is undefined on the inputs of edge"):
        network.fix_symbolic(0, 0, 0, "1/log(1 - x**2 - 1)", x)


def test_set_mode_keeps_the_function_the_spline_their_sum_or_nothing() -> None:
    network = make((1, 1))
    spline = network(X[:, :1])
    fixed = network.fix_symbolic(0, 0, 0, "sin", constants=(1.0, 0.0, 1.0, 0.0))
    sine = torch.sin(X[:, :1])
    expected = {"s": sine, "n": spline, "sn": spline + sine, "ns": spline + sine, "0": 0 * sine}
    for mode, values in expected.items():
        torch.testing.assert_close(fixed.set_mode(0, 0, 0, mode)(X[:, :1]), values)
    with pytest.raises(InvalidConfig, match="has no function; fix one on it first"):
        network.set_mode(0, 0, 0, "s")


def test_speed_compiles_the_function_of_a_network() -> None:
    network = make((2, (2, 1), 1), base="identity").fix_symbolic(2, 0, 0, "sin", constants=(2, 0, 1, 0))
    np.testing.assert_allclose(network.speed()(X.numpy()), network(X).detach().numpy(), rtol=0, atol=1e-12)


def test_get_act_get_fun_and_get_range_tell_of_activations(trained: KAN) -> None:
    activations = trained.get_act(X)
    torch.testing.assert_close(activations[0].sum(1), trained.preacts(X)[1])
    inputs, values = trained.get_fun(X, 0, 1, 0)
    assert (np.diff(inputs) >= 0).all()
    assert trained.get_range(X, 0, 1, 0) == (inputs[0], inputs[-1], values.min(), values.max())


def test_feature_score_attribute_and_node_scores_tell_what_matters(trained: KAN) -> None:
    deeper = make((3, 2, 2, 1))
    deeper.layers[0].weight.data[2] = 0.0  # a constant
    x = uniform_rows(60, 3)
    scores = deeper.feature_score(x)
    assert float(scores[2]) < 1e-9 < float(scores[0])
    assert float(scores.sum()) == pytest.approx(1.0)
    assert deeper.attribute(x, 2, 1).shape == (3,)
    assert [len(part) for part in deeper.node_scores(x)] == [3, 2, 2, 1]
    # The score of a feature is that of the nodes it passes through
    whole = sum(deeper.attribute(x, 1, node) * deeper.node_scores(x)[1][node] for node in range(2))
    torch.testing.assert_close(whole, scores)


def test_feature_interaction_counts_the_sets_of_inputs_of_nodes() -> None:
    network = make((3, 3, 1))
    network.layers[0].mask[2, :2] = False
    network.layers[0].mask[:2, 2] = False
    assert network.feature_interaction(uniform_rows(60, 3), 1) == {(0, 1): 2, (2,): 1}


def test_connection_cost_falls_when_auto_swap_sorts_nodes() -> None:
    network = make((4, 4, 4))
    network.layers[0].mask[:] = torch.eye(4).flip(0).bool()  # all edges cross
    network.layers[1].mask[:] = torch.eye(4).flip(0).bool()
    x = uniform_rows(60, 4)
    assert network.auto_swap(x).connection_cost(x) < 0.1 * network.connection_cost(x)


def test_suggest_fix_and_auto_symbolic_lead_to_the_formula(trained: KAN) -> None:
    assert trained.suggest_symbolic(X, 0, 0, 0)[0].function in ("sin", "cos")
    assert len(trained.suggest_symbolic(X, 0, 1, 0, topk=3)) == 3
    fixed = (
        trained.fix_symbolic(0, 0, 0, "sin", X).fix_symbolic(0, 1, 0, "x^2", X).fix_symbolic(1, 0, 0, "x", X)
    )
    (formula,) = fixed.symbolic_formula(["a", "b"], x=X)
    assert "a" in to_text(formula)
    assert fixed.evaluate(X, Y)["test_loss"] < 0.05
    assert not any(layer.trainable_mask().any() for layer in trained.auto_symbolic(X).all_layers)
    assert any(
        layer.trainable_mask().any() for layer in trained.auto_symbolic(X, r2_threshold=1.1).all_layers
    )


def test_symbolic_formula_undoes_the_scaling_of_columns() -> None:
    network = make((1, 1)).fix_symbolic(0, 0, 0, "x^2", constants=(2.0, 1.0, 3.0, 4.0))
    (formula,) = network.symbolic_formula(["t"], normalizer=([5.0], [10.0]), output_normalizer=([7.0], [0.5]))
    t = np.array([1.0, 6.0])
    u = 2 * (t - 5) / 10 + 1
    np.testing.assert_allclose(evaluate(formula, {"t": t}), 0.5 * (3 * u**2 + 4) + 7)


def test_symbolic_formula_of_products_multiplies_and_names_splines_that_are_left() -> None:
    network = make((2, 1, 1), products=1)
    with pytest.raises(InvalidConfig, match=r"3 activations are splines, first \(0, 0, 0\)"):
        network.symbolic_formula()
    for edge in ((0, 0, 0), (0, 1, 0), (1, 0, 0)):
        network = network.fix_symbolic(*edge, "x", constants=(1.0, 0.0, 1.0, 0.0))
    assert to_text(network.symbolic_formula()[0]) == "x_1*x_2"


def test_fix_symbolic_needs_rows_or_constants() -> None:
    with pytest.raises(InvalidConfig, match="rows x"):
        make().fix_symbolic(0, 0, 0, "sin")


def test_from_formula_is_the_formula_and_fit_corrects_it() -> None:
    network = KAN.from_formula("2*sin(3*a)/2 + a*b", ["a", "b"], x=X, grid_size=8)
    a, b = X.T
    assert set(to_text(network.symbolic_formula(["a", "b"])[0]).split(" + ")) == {"a*b", "sin(3*a)"}
    torch.testing.assert_close(network(X)[:, 0], torch.sin(3 * a) + a * b, rtol=0, atol=1e-14)
    y = (torch.sin(3 * a) + a * b + 0.05 * a**2)[:, None]
    before = network.evaluate(X, y)["test_loss"]
    list(network.fit(X, y, steps=20))
    assert network.evaluate(X, y)["test_loss"] < 0.1 * before
    with pytest.raises(InvalidForm, match="c is no input; the inputs are a, b"):
        KAN.from_formula("a + c", ["a", "b"])


def test_unfix_symbolic_and_unfix_symbolic_all_bring_splines_back() -> None:
    fixed = make((2, 1, 1), grid_size=30).fix_symbolic(0, 0, 0, "sin", constants=(2, 0, 1, 0))
    for loose in (fixed.unfix_symbolic(0, 0, 0), fixed.unfix_symbolic_all()):
        torch.testing.assert_close(loose(X), fixed(X), rtol=1e-4, atol=1e-4)


def test_get_reg_weighs_norms_entropy_and_coefficients() -> None:
    network = make()
    l1, coefficients = (float(network.get_reg(X, lamb_entropy=0.0, lamb_coef=w).detach()) for w in (0.0, 1.0))
    assert 0 < l1 < coefficients


def test_saveckpt_and_loadckpt_keep_function_shape_and_symbols(tmp_path: Path) -> None:
    network = make((2, 3, 1), products=1, base="identity").fix_symbolic(
        0, 0, 0, "sin", constants=(2, 0, 1, 0)
    )
    network.saveckpt(tmp_path / "kan.safetensors")
    loaded = KAN.loadckpt(tmp_path / "kan.safetensors")
    assert torch.equal(loaded(X), network(X))
    assert loaded.config == network.config
    assert loaded.layers[0].symbolic == network.layers[0].symbolic
    (tmp_path / "other").write_bytes(b"no tensors")
    with pytest.raises(InvalidData, match="does not hold a network"):
        KAN.loadckpt(tmp_path / "other")


def test_copy_and_from_network_share_no_weights() -> None:
    network = make()
    for twin in (network.copy(), KAN.from_network(network)):
        twin.layers[0].weight.data += 1.0
        assert not torch.allclose(twin(X), network(X))


def test_it_is_plain_torch() -> None:
    network = make((2, 3, 2, 1), products=(1, 0, 0))
    x = X[:5].clone().requires_grad_()
    assert torch.autograd.gradgradcheck(network, (0.3 * x,))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    before = float((network(X) - Y).square().mean().detach())
    for _ in range(50):
        optimizer.zero_grad()
        loss = (network(X) - Y).square().mean()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < before
    again = make((2, 3, 2, 1), products=(1, 0, 0), seed=1)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(X), network(X))


def test_plot_names_inputs_outputs_and_title_in_any_size(trained: KAN) -> None:
    picture = trained.plot(X, in_vars=["time", "load"], out_vars=["force"], title="A <test>", scale=0.5)
    root = ElementTree.fromstring(picture.svg)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"time", "load", "force", "A <test>"} <= set(texts)
    whole = ElementTree.fromstring(trained.plot(X).svg)
    assert float(root.attrib["width"]) == pytest.approx(0.5 * float(whole.attrib["width"]), abs=0.2)
    assert "x1" in trained.plot(X).svg
    assert picture._repr_svg_() == picture.svg


def test_plot_shows_scores_by_beta_and_metric(trained: KAN) -> None:
    pictures = {trained.plot(X, beta=beta).svg for beta in (0.3, 3.0)}
    pictures |= {
        make((2, 4, 2)).plot(X, metric=metric).svg for metric in ("backward", "forward_u", "forward_n")
    }
    assert len(pictures) == 5


def test_expand_depth_adds_a_layer_and_keeps_the_function() -> None:
    network = make((2, 3, 2))
    for deeper in (network.expand_depth(), network.expand_depth(X)):
        assert deeper.config.width == (2, 3, 2, 2)
        torch.testing.assert_close(deeper(X), network(X))


def test_a_network_takes_over_the_functions_or_the_grids_of_another_one() -> None:
    coarse, fine = make(grid_size=5), make(grid_size=10, seed=1)
    taken = fine.initialize_from_another_model(coarse)
    assert taken.stack[0].grid_size == 10
    torch.testing.assert_close(taken(X), coarse(X))
    straight = make(noise_scale=0.0)  # lines stay what they are on any grid
    moved = straight.initialize_grid_from_another_model(coarse, 3 * X)
    for layer, nodes in zip(moved.stack, coarse.preacts(3 * X), strict=True):
        low, high = layer.knots[:, layer.order], layer.knots[:, -1 - layer.order]
        assert bool((low < nodes.amin(0)).all() and (high > nodes.amax(0)).all())
        assert bool((high - low < 1.1 * (nodes.amax(0) - nodes.amin(0))).all())
    torch.testing.assert_close(moved(X), straight(X))
    with pytest.raises(InvalidConfig, match="differ in more than the grid"):
        fine.initialize_from_another_model(make((2, 4, 1)))


def test_a_network_tells_its_tree() -> None:
    """``tree`` and ``plot_tree`` of pykan."""
    network = KAN.from_formula("exp(sin(x)+y**2)", ["x", "y"])
    x = torch.rand(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert network.tree(x).skeleton == explain_structure(network, x).skeleton == "g1(x_1)*g2(x_2)"
    with pytest.raises(InvalidConfig, match="rows"):
        explain_structure(network)
