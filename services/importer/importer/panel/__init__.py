"""The pages of the importer in the admin panel."""

from pathlib import Path
from typing import get_args

from fastapi import FastAPI
from shared.panel import Panel
from shared.panel.audit import create_audit_view

from importer.panel.imports import ImportsView
from importer.types import AuditAction


def add_panel(app: FastAPI) -> None:
    panel = Panel(app, service="importer", folder=Path(__file__).parent)
    panel.add_views(ImportsView, create_audit_view(get_args(AuditAction)))
