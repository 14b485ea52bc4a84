from shared.security.current_user import Role

from auth.errors import LastAdmin


def ensure_not_last_admin(role: Role, *, other_admins: int) -> None:
    """Raise LastAdmin. Admins whose account is locked do not count."""
    if role == "admin" and not other_admins:
        raise LastAdmin("This is the last admin; make someone else an admin first.")
