"""Rows of a function and derivatives row by row."""

import pytest
import torch

from kan_engine.workbench.datasets import augment_input, batch_hessian, batch_jacobian, create_dataset
from kan_engine.workbench.kan import KAN
from tests.support.engine.networks import uniform_rows


def test_create_dataset_draws_inputs_within_their_ranges() -> None:
    rows = create_dataset(
        lambda x: x[:, 0] * x[:, 1], ranges=[(0, 2), (5, 6)], train_num=300, test_num=50, seed=1
    )
    assert rows.train_input.shape == (300, 2)
    assert rows.test_label.shape == (50, 1)
    torch.testing.assert_close(rows.test_label[:, 0], rows.test_input.prod(1))
    assert rows.train_input.amin(0).tolist() == pytest.approx([0, 5], abs=0.05)
    assert rows.train_input.amax(0).tolist() == pytest.approx([2, 6], abs=0.05)


def test_create_dataset_scales_by_the_training_rows() -> None:
    rows = create_dataset(lambda x: 10 * x.sum(1) + 3, 3, normalize=True, train_num=200, test_num=10)
    for values in (rows.train_input, rows.train_label):
        torch.testing.assert_close(values.mean(0), torch.zeros(values.shape[1]).double(), atol=1e-12, rtol=0)
        torch.testing.assert_close(values.std(0), torch.ones(values.shape[1]).double())


def test_augment_input_adds_a_column_for_each_function() -> None:
    x = uniform_rows(10, 2)
    assert torch.equal(augment_input([lambda x: x[:, 0] ** 2], x), torch.cat([x, x[:, :1] ** 2], 1))


def test_batch_jacobian_and_batch_hessian_are_those_of_the_network() -> None:
    network = KAN.create((2, 3, 2), products=1).fix_symbolic(0, 0, 0, "sin", constants=(1.5, 0.2, 1.0, 0.0))
    x = 0.8 * uniform_rows(6, 2)
    jacobian, second = batch_jacobian(network, x), batch_hessian(network, x)
    for row in range(len(x)):
        single = torch.autograd.functional.jacobian(lambda row: network(row[None])[0], x[row])
        torch.testing.assert_close(jacobian[row], single)
    step = 1e-5
    for axis in range(2):
        ahead, behind = (
            batch_jacobian(network, x + sign * step * torch.eye(2).double()[axis]) for sign in (1, -1)
        )
        torch.testing.assert_close(second[..., axis], (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-5)


def test_derivatives_of_a_line_end_with_zeros() -> None:
    x = uniform_rows(4, 2)
    assert not batch_hessian(lambda rows: rows[:, :1] + 2 * rows[:, 1:], x).any()
    assert batch_jacobian(lambda rows: rows[:, :1] + 2 * rows[:, 1:], x)[0].tolist() == [[1.0, 2.0]]
