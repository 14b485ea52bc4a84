"""Start Envoy with its configuration, filled in from the environment: `python -m gateway`."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway import OPTIONS
from gateway.render import from_environment, list_defaults, render, render_recordings


def main(variables: Mapping[str, str]) -> None:
    """Write the configuration next to the admin address, and become Envoy. Raises ValueError and OSError."""
    values = list_defaults() | dict(variables)
    for name in ("TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"):
        if values[name]:
            Path(values[name]).read_bytes()
    folder = Path(values["GATEWAY_ADMIN_SOCKET"]).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    configuration = folder / "envoy.yaml"
    configuration.write_text(render(variables))
    options = ["-c", str(configuration), "--concurrency", values["GATEWAY_THREADS"], *OPTIONS]
    if values["RECORDINGS_PORT"] != "0":
        options += ["--config-yaml", render_recordings(variables)]
    os.execvp("envoy", ["envoy", *options])


if __name__ == "__main__":
    try:
        main(from_environment())
    except (OSError, ValueError) as error:
        sys.exit(f"the gateway cannot start: {error}")
