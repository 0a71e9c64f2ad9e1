"""``python -m tests.faults.slow_worker``: ``python -m worker`` with the slow pipeline in its processes."""

import sys

from service.settings import load_settings
from worker.__main__ import main

if __name__ == "__main__":
    sys.exit(main(load_settings(), tasks=("tests.faults.slow_pipeline",)))
