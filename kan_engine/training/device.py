"""The device that Adam trains on: where CUDA is used, and the errors without it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from kan_engine.cost import Workload
from kan_engine.errors import DeviceUnavailable
from kan_engine.training.config import Device, DeviceChoice
from kan_engine.training.thresholds import TrainingThresholds


def choose_device(choice: DeviceChoice, work: Workload, thresholds: TrainingThresholds) -> Device:
    """Return the requested device; for ``auto``, CUDA if torch sees it and a batch has enough work for it.

    Args:
        choice: The request.
        work: Network, rows and batch size of the training.
        thresholds: The smallest work for CUDA.
    """
    if choice != "auto":
        return choice
    batch_work = min(work.rows, work.batch_rows) * work.parameters
    return "cuda" if batch_work >= thresholds.min_cuda_batch_work and torch.cuda.is_available() else "cpu"


def find_cuda() -> torch.device:
    """Return the CUDA device.

    Raises:
        DeviceUnavailable: torch sees none.
    """
    if not torch.cuda.is_available():
        raise DeviceUnavailable(
            f"device cuda was requested, but torch {torch.__version__} sees no CUDA device; "
            "use device cpu or auto, or install a CUDA build of torch on a machine with a GPU"
        )
    return torch.device("cuda")


@contextmanager
def report_full_memory() -> Iterator[None]:
    """Convert the error of a full GPU; a failed allocation of the CPU is another exception.

    Raises:
        DeviceUnavailable: The memory of the GPU is full.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceUnavailable(
            "the memory of the GPU is full; use device cpu, a smaller network or fewer rows, "
            "or run fewer trainings on it at the same time"
        ) from error
