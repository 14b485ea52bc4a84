"""The API gateway: Envoy, its configuration, and the document of the whole API."""

OPTIONS = (
    *("--disable-hot-restart", "--file-flush-interval-msec", "200", "--log-level", "warning"),
    # At its usual level the body limit logs the address and the whole query of whoever exceeds it.
    *("--component-log-level", "http:critical"),
)
"""How Envoy is started, besides `-c <file>` and `--concurrency <cores>`."""
