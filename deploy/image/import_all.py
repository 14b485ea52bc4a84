"""Imports every module of a service, so that all its code is compiled: `python import_all.py game`."""

import importlib
import pkgutil
import sys


def main(service: str) -> None:
    """Import the service's modules and the packages of the commands that every service has."""
    package = importlib.import_module(service)
    names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{service}.")]
    for name in (*names, "shared.cli", "shared.http.server", "shared.data.migrations", "alembic.command"):
        if not name.endswith("__main__") and ".migrations." not in name:
            importlib.import_module(name)


if __name__ == "__main__":
    main(sys.argv[1])
