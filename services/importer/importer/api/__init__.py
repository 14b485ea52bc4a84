"""The HTTP routes of the importer service."""

from importer.api import audit_log, imports

routers = (imports.router, audit_log.router)
