"""The HTTP routes of the importer service."""

from importer.api import audit_log, events, imports, reports, uploads

routers = (uploads.router, imports.router, events.router, reports.router, audit_log.router)
