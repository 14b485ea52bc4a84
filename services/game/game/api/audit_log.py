from shared.http.audit_log import add_audit_route

from game.api.dependencies import create_admin_router

router = create_admin_router("admin")
add_audit_route(router, "/game/audit", name="list_game_audit_entries")
