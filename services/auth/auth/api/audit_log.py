from shared.http.audit_log import add_audit_route

from auth.api.dependencies import create_admin_router

admin = create_admin_router()
add_audit_route(admin, "/audit", name="list_audit_entries")
