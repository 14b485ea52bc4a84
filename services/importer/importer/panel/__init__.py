"""The pages of the importer in the admin panel."""

from pathlib import Path

from fastapi import FastAPI
from shared.panel import Panel

from importer.panel.imports import ImportsView


def add_panel(app: FastAPI) -> None:
    Panel(app, service="importer", folder=Path(__file__).parent).add_views(ImportsView)
