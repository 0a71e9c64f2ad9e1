"""How the C library treats freed memory."""

import torch

LARGEST = 2**25 - 2**13  # bytes; a larger block does not count, see mallopt(3), M_MMAP_THRESHOLD


def keep_freed_memory() -> None:
    """Let the process keep up to 64 MB of freed memory instead of asking for it again and again.

    Training and evaluation allocate and free tensors of a few MB in every step. The GNU C library hands
    such memory back to the kernel, which then clears every page anew: half the time of a step. It stops
    doing so for sizes of which it has once freed a block, so freeing a large one, never touched, is enough.
    Other C libraries are not affected.
    """
    torch.empty(LARGEST, dtype=torch.uint8)
