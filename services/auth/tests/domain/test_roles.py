import pytest
from auth.domain.roles import ensure_not_last_admin
from auth.errors import LastAdmin


def test_the_last_admin_keeps_the_role() -> None:
    ensure_not_last_admin("admin", other_admins=1)
    ensure_not_last_admin("editor", other_admins=0)
    with pytest.raises(LastAdmin):
        ensure_not_last_admin("admin", other_admins=0)
