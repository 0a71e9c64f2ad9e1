"""``python -m tests.faults.slow_worker``: ``python -m worker`` with the slow pipeline in its processes.

Only here, and in the processes that it starts, mean ``KAN_TEST_*`` variables trouble.
"""

import sys

from service.settings import load_settings
from tests.faults import points, troubles
from worker.__main__ import main

if __name__ == "__main__":
    points.arm()
    troubles.arm()
    sys.exit(main(load_settings(), tasks=("tests.faults.slow_pipeline",)))
