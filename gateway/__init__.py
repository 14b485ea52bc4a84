"""The API gateway: Envoy, its configuration, and the document of the whole API."""

DRAIN_SECONDS = 15
"""How long a gateway that is shutting down accepts connections: load balancers still use it."""

OPTIONS = (
    *("--disable-hot-restart", "--file-flush-interval-msec", "200", "--log-level", "warning"),
    *("--drain-strategy", "immediate", "--drain-time-s", str(DRAIN_SECONDS)),
    # At the default level the body limit logs the address and query string of a client that exceeds it.
    *("--component-log-level", "http:critical"),
)
"""Envoy's options, in addition to `-c <file>` and `--concurrency <cores>`."""
