"""Substitutes the variables of envoy.yaml: `python -m gateway.render > envoy.rendered.yaml`."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from string import Template
from textwrap import indent

from deploy.services import DATABASE_OWNERS, SERVICES

HERE = Path(__file__).parent
TLS = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
UNSAFE = set("\"'\n\r")


def list_defaults() -> dict[str, str]:
    """Return every variable with its default. Folders are those of this Python environment."""
    lines = (HERE / "defaults.env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    for service in SERVICES:
        values |= {f"{service.name.upper()}_HOST": service.name}
        values |= {f"{service.name.upper()}_PORT": str(8000 + service.number)}
    for service in DATABASE_OWNERS:
        values |= {f"{service.name.upper()}_WORKER_HOST": f"{service.name}-worker"}
        values |= {f"{service.name.upper()}_WORKER_PORT": str(8010 + service.number)}
    bundle = find_spec("fastapi_offline")
    if bundle is not None and bundle.submodule_search_locations:
        values["SWAGGER_UI_DIR"] = str(Path(bundle.submodule_search_locations[0], "static"))
    return values | {"GATEWAY_DIR": str(HERE)}


def render(variables: Mapping[str, str]) -> str:
    """Return the configuration, in which `variables` replace the defaults.

    Raises KeyError for an unknown name, and ValueError for an unusable value.
    """
    values = _complete(variables)
    services = [service.name for service in SERVICES]
    workers = [f"{service.name}-worker" for service in DATABASE_OWNERS]
    template = Template((HERE / "envoy.yaml").read_text())
    return template.substitute(
        values,
        TLS=_render_tls(values, protocols=["h2", "http/1.1"]),
        SERVICES=", ".join(services),
        WORKERS=", ".join(workers),
        CLUSTERS="".join(_render_cluster("cluster.yaml", name, values) for name in services),
        WORKER_CLUSTERS="".join(_render_cluster("worker.yaml", name, values) for name in workers),
    )


def render_recordings(variables: Mapping[str, str]) -> str:
    """Return the listener for recordings, which is added to the configuration. Raises as `render` does."""
    values = _complete(variables)
    template = Template((HERE / "recordings.yaml").read_text())
    return template.substitute(values, TLS=_render_tls(values, protocols=["http/1.1"]))


def _complete(variables: Mapping[str, str]) -> dict[str, str]:
    values = list_defaults()
    if unknown := variables.keys() - values.keys():
        raise KeyError(f"envoy.yaml has no such variable: {', '.join(sorted(unknown))}")
    values.update(variables)
    if unsafe := [name for name, value in values.items() if UNSAFE & set(value)]:
        raise ValueError(f"quotes and line breaks cannot be rendered: {', '.join(unsafe)}")
    if bool(values["TLS_CERTIFICATE_FILE"]) != bool(values["TLS_KEY_FILE"]):
        raise ValueError("set both TLS_CERTIFICATE_FILE and TLS_KEY_FILE, or neither")
    return values


def _render_tls(values: Mapping[str, str], *, protocols: Sequence[str]) -> str:
    if not values["TLS_CERTIFICATE_FILE"]:
        return "# Without TLS."
    files = {
        "certificate_chain": {"filename": values["TLS_CERTIFICATE_FILE"]},
        "private_key": {"filename": values["TLS_KEY_FILE"]},
    }
    context = {
        "alpn_protocols": protocols,
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificates": [files],
    }
    socket = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {"@type": f"type.googleapis.com/{TLS}", "common_tls_context": context},
    }
    return f"transport_socket: {json.dumps(socket)}"


def _render_cluster(file: str, name: str, values: Mapping[str, str]) -> str:
    prefix = name.upper().replace("-", "_")
    template = Template((HERE / file).read_text())
    text = template.substitute(NAME=name, HOST=values[f"{prefix}_HOST"], PORT=values[f"{prefix}_PORT"])
    return indent(text, "    ")


def from_environment() -> dict[str, str]:
    """Return the variables that the environment sets."""
    return {name: os.environ[name] for name in list_defaults() if name in os.environ}


if __name__ == "__main__":
    sys.stdout.write(render(from_environment()))
