from uuid import uuid4

import httpx
from auth.models import User

USERS, AUDIT = "/api/v1/admin/users", "/api/v1/admin/audit"


async def test_the_audit_log_can_be_filtered(admin: httpx.AsyncClient, user: User) -> None:
    await admin.put(f"{USERS}/{user.id}/role", json={"role": "editor"})
    for params, expected in (
        ({"subject_id": str(user.id)}, 1),
        ({"subject_id": str(uuid4())}, 0),
        ({"action": "role_changed"}, 1),
        ({"action": "account_deleted"}, 0),
    ):
        page = (await admin.get(AUDIT, params=params)).json()
        assert (len(page["entries"]), page["pagination"]["total"]) == (expected, expected)
