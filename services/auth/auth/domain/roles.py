from collections.abc import Iterable

from shared.security.current_user import Role

from auth.errors import LastAdmin


def ensure_not_last_admin(role: Role, all_roles: Iterable[Role]) -> None:
    if role == "admin" and sum(each == "admin" for each in all_roles) == 1:
        raise LastAdmin("This is the last admin; make somebody else an admin first.")
