import pytest
from auth.domain.roles import ensure_not_last_admin
from auth.errors import LastAdmin


def test_the_last_admin_must_stay() -> None:
    ensure_not_last_admin("admin", admin_count=2)
    ensure_not_last_admin("editor", admin_count=1)
    with pytest.raises(LastAdmin):
        ensure_not_last_admin("admin", admin_count=1)
