"""What a training will cost grows as the rows and the network do, and decides which method trains."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from kan_engine.cost import OPTIMIZERS, Workload, affordable_grids, sparse_optimizers, sparsity_rows
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.training.loop import TrainingConfig, select_optimizer

MILLION = Workload(width=(20, 10, 1), terms=9, rows=1_000_000, validation_rows=200_000)


def test_weights_are_counted_as_a_network_counts_them() -> None:
    network = KAN(KANConfig(width=(8, 10, 3), grid_size=5, order=3))
    assert Workload(width=(8, 10, 3), terms=9, rows=1).parameters == network.parameter_count


@pytest.mark.parametrize("width", [(8, 6, 3), (8, 6, 12, 3), (8, 12, 6, 12, 3)])
def test_weights_of_networks_side_by_side_are_counted_as_a_network_counts_them(
    width: tuple[int, ...],
) -> None:
    network = KAN(KANConfig(width=width, grid_size=5, order=3, groups=3))
    workload = Workload(width=width, terms=9, rows=1, groups=3)
    assert (workload.edges, workload.parameters) == (network.edge_count, network.parameter_count)


def test_larger_batches_take_less_time_and_more_memory() -> None:
    larger = replace(MILLION, batch_rows=1024)
    assert larger.seconds("adam") < MILLION.seconds("adam")
    assert larger.memory_bytes("adam") > MILLION.memory_bytes("adam")


@pytest.mark.parametrize("method", OPTIMIZERS)
def test_ten_times_the_rows_take_ten_times_the_time(method: str) -> None:
    more = replace(MILLION, rows=10_000_000, validation_rows=2_000_000)
    assert more.seconds(method) == pytest.approx(10 * MILLION.seconds(method), rel=0.05)


@pytest.mark.parametrize("method", OPTIMIZERS)
def test_every_row_takes_the_same_memory(method: str) -> None:
    counts = (100_000, 1_000_000, 10_000_000)
    small, middle, large = (replace(MILLION, rows=n, validation_rows=n // 5) for n in counts)
    growth = middle.memory_bytes(method) - small.memory_bytes(method)
    assert large.memory_bytes(method) - middle.memory_bytes(method) == 10 * growth


@pytest.mark.parametrize("method", OPTIMIZERS)
@pytest.mark.parametrize(
    "change", [{"width": (20, 40, 1)}, {"width": (80, 10, 1)}, {"terms": 24}, {"rows": 2_000_000}]
)
def test_whatever_is_larger_costs_more(method: str, change: dict[str, Any]) -> None:
    larger = replace(MILLION, **change)
    assert larger.seconds(method) > MILLION.seconds(method)
    assert larger.memory_bytes(method) > MILLION.memory_bytes(method)


@pytest.mark.parametrize("method", sparse_optimizers())
def test_a_price_of_sparsity_costs_time_and_memory(method: str) -> None:
    sparse = replace(MILLION, is_sparse=True)
    assert sparse.seconds(method) > MILLION.seconds(method)
    assert sparse.memory_bytes(method) > MILLION.memory_bytes(method)


def test_memory_of_the_second_order_grows_with_the_square_of_the_weights() -> None:
    small, large = (Workload(width=(n, 10, 1), terms=9, rows=10) for n in (100, 200))
    quotient = large.memory_bytes("levenberg_marquardt") / small.memory_bytes("levenberg_marquardt")
    assert quotient == pytest.approx(4, rel=0.05)


def test_small_networks_on_few_rows_are_trained_by_the_second_order() -> None:
    assert Workload(width=(8, 10, 1), terms=9, rows=1_000).method() == "levenberg_marquardt"


@pytest.mark.parametrize(
    "workload",
    [
        MILLION,
        Workload(width=(8, 10, 1), terms=9, rows=10_000_000),
        Workload(width=(400, 40, 1), terms=9, rows=100),
        Workload(width=(8, 10, 1), terms=9, rows=1_000, is_sparse=True),
    ],
)
def test_costly_steps_and_sparsity_are_left_to_the_first_order(workload: Workload) -> None:
    assert workload.method() == "adam"


@pytest.mark.parametrize("rows", [1_000, 100_000])
@pytest.mark.parametrize("lamb", [0.0, 0.1])
def test_auto_is_what_the_cost_suggests(rows: int, lamb: float) -> None:
    network = KAN(KANConfig(width=(20, 10, 1), grid_size=5, order=3))
    workload = Workload(width=(20, 10, 1), terms=9, rows=rows, is_sparse=lamb > 0)
    assert select_optimizer(network, rows, TrainingConfig(lamb=lamb)) == workload.method()


def test_grids_get_finer_while_the_rows_outnumber_the_weights() -> None:
    assert affordable_grids((8, 10, 1), 3, 1_000) == (3, 5)
    assert affordable_grids((8, 10, 1), 3, 100_000) == (3, 5, 10, 20)


def test_there_is_a_grid_however_few_the_rows_are() -> None:
    assert affordable_grids((8, 10, 1), 3, 5) == (3,)


def test_the_more_edges_the_fewer_rows_tell_how_sparse_they_are() -> None:
    assert [sparsity_rows(edges) for edges in (0, 10, 1_000, 10**6)] == [20_000, 20_000, 4_194, 1_000]


def test_whoever_only_asks_for_the_cost_does_not_wait_for_torch() -> None:
    code = "import sys, kan_engine; kan_engine.Workload; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
