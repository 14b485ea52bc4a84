from shared.http.audit_log import add_audit_route

from content.api.dependencies import create_admin_router

admin = create_admin_router("admin")
add_audit_route(admin, "/content/audit", name="list_content_audit_entries")
