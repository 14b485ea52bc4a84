"""Puts variables into envoy.yaml: `python -m gateway.render > envoy.rendered.yaml`."""

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from string import Template

HERE = Path(__file__).parent
UNSAFE = set("\"'\n\r")


def defaults() -> dict[str, str]:
    """Every variable of the template, by defaults.env; folders are those of this Python environment."""
    lines = (HERE / "defaults.env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    bundle = find_spec("fastapi_offline")
    if bundle is not None and bundle.submodule_search_locations:
        values["SWAGGER_UI_DIR"] = str(Path(bundle.submodule_search_locations[0], "static"))
    return values | {"GATEWAY_DIR": str(HERE)}


def render(variables: Mapping[str, str]) -> str:
    """The configuration with these variables in place of their defaults.

    Raises KeyError for a name the template does not have, ValueError for a value that would leave its quotes.
    """
    values = defaults()
    if unknown := variables.keys() - values.keys():
        raise KeyError(f"envoy.yaml has no such variable: {', '.join(sorted(unknown))}")
    values.update(variables)
    if unsafe := [name for name, value in values.items() if UNSAFE & set(value)]:
        raise ValueError(f"quotes and line breaks cannot be rendered: {', '.join(unsafe)}")
    return Template((HERE / "envoy.yaml").read_text()).substitute(values)


if __name__ == "__main__":
    sys.stdout.write(render({name: os.environ[name] for name in defaults() if name in os.environ}))
