"""Settings of the C library's memory allocator."""

import torch

LARGE_BLOCK_BYTES = 2**25 - 2**13  # the threshold ignores larger blocks, see mallopt(3), M_MMAP_THRESHOLD


def keep_freed_memory() -> None:
    """Let the process keep up to 64 MB of freed memory for later allocations.

    Training and evaluation allocate and free tensors of a few MB in every step. By default the GNU C library
    returns such memory to the kernel, which clears every page again: this takes half the time of a step. The
    library raises its threshold once a larger block has been freed. Freeing one large, unused block is
    therefore sufficient. Other C libraries are not affected.
    """
    torch.empty(LARGE_BLOCK_BYTES, dtype=torch.uint8)
