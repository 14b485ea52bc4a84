"""Time limits of a process after SIGTERM. Deployments kill it only after `MAX_STOP_SECONDS`."""

MAX_STOP_SECONDS = 15.0
"""SIGALRM ends a process that still runs then."""
MAX_DELAY_SECONDS = 3.0
"""Time in which it still accepts requests."""
MAX_WORK_SECONDS = 8
"""Time to finish requests or deliveries."""
MAX_ABORT_SECONDS = 1
"""Time to respond to aborted requests and to clean up."""
MAX_LAST_PASS_SECONDS = 2.0
"""Time to finish the current passes of loops."""
