"""The HTTP routes of the importer service."""

from importer.api import audit_log, events, imports

routers = (imports.router, events.router, audit_log.router)
