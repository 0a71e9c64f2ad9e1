"""Run the numeric tests and some of the page under two kernels of OpenBLAS, whose last digits differ.

Which formula is printed and which network is made must not depend on them. Kernels that the processor cannot
run are left out with a message. Each kernel has the vector units of its time in PyTorch, too.
"""

import os
import subprocess
import sys
from pathlib import Path

TESTS = (
    "tests/property/formulas/test_constant_laws.py",
    "tests/property/formulas/test_equal_formulas.py",
    "tests/unit/kan_engine/expressions/simplification",
    "tests/unit/kan_engine/differential/test_exact_laws.py",
    "tests/unit/kan_engine/formulas",
    "tests/unit/worker/pipelines/test_tabular.py",
    "tests/e2e/test_page_network.py",
)
# Kernel, flags of the processor that it needs, and the capability of PyTorch that goes with it. In this order
# the two with the most different digits come first.
KERNELS = (
    ("SkylakeX", {"avx512f", "avx512bw", "avx512vl"}, "avx512"),
    ("Prescott", {"pni"}, "default"),
    ("Haswell", {"avx2", "fma"}, "avx2"),
)
COUNT = 2


def main() -> int:
    """Run the tests once for each kernel, up to the first that fails, whose report then is the last."""
    flags = read_flags()
    chosen = []
    for kernel, needed, capability in KERNELS:
        if missing := needed - flags:
            sys.stderr.write(f"{kernel}: left out, the processor has no {', '.join(sorted(missing))}\n")
        elif len(chosen) < COUNT:
            chosen.append((kernel, capability))
    return next((status for kernel, capability in chosen if (status := run(kernel, capability))), 0)


def read_flags() -> set[str]:
    """Return the instruction sets of the processor, as Linux names them; none on other systems."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return set(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())


def run(kernel: str, capability: str) -> int:
    """Run the tests under a kernel; return the status of pytest."""
    sys.stderr.write(f"{kernel}, PyTorch's {capability}\n")
    surroundings = {"OPENBLAS_CORETYPE": kernel, "ATEN_CPU_CAPABILITY": capability}
    command = [*sys.argv[1:], *TESTS]
    return subprocess.run(command, env=os.environ | surroundings, check=False).returncode  # noqa: S603  # our own


if __name__ == "__main__":
    sys.exit(main())
