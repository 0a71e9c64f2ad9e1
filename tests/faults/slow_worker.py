"""``python -m tests.faults.slow_worker``: ``python -m worker`` with the slow pipeline in its processes.

Only here, and in the processes that it starts, mean ``KAN_TEST_*`` variables trouble.
"""

import sys

from service.settings import load_settings
from tests.faults import points, troubles
from worker.__main__ import main
from worker.webhooks.limits import WebhookLimits

if __name__ == "__main__":
    points.arm()
    troubles.arm()
    quick = WebhookLimits(poll_period_s=0.1, total_timeout_s=1.5, lease_s=2.0)
    sys.exit(main(load_settings(), tasks=("tests.faults.slow_pipeline",), webhook_limits=quick))
