from shared.security.current_user import Role

from auth.errors import LastAdmin


def ensure_not_last_admin(role: Role, *, admin_count: int) -> None:
    if role == "admin" and admin_count == 1:
        raise LastAdmin("This is the last admin; make somebody else an admin first.")
