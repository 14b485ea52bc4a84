import pytest
from auth.domain.roles import ensure_not_last_admin
from auth.errors import LastAdmin


def test_the_last_admin_must_stay() -> None:
    ensure_not_last_admin("admin", ["admin", "editor", "admin"])
    ensure_not_last_admin("editor", ["admin", "editor"])
    with pytest.raises(LastAdmin):
        ensure_not_last_admin("admin", ["admin", "editor"])
