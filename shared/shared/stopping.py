"""What a process may use from SIGTERM until it ends. Deployments kill it only after `MAX_STOP_SECONDS`."""

MAX_STOP_SECONDS = 15.0
"""A process that still runs is ended by SIGALRM, whatever it waits for."""
MAX_DELAY_SECONDS = 3.0
"""While it still accepts requests."""
MAX_WORK_SECONDS = 8
"""For requests, or for deliveries."""
MAX_ABORT_SECONDS = 1
"""For the responses and the clean-up of aborted requests."""
MAX_LAST_PASS_SECONDS = 2.0
"""For the current passes of loops."""
