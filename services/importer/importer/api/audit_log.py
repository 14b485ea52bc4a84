from shared.http.audit_log import add_audit_route

from importer.api.dependencies import create_import_router

router = create_import_router("admin")
add_audit_route(router, "/audit", name="list_import_audit_entries")
