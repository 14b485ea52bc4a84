"""HTTP routes of the auth service."""

from auth.api import (
    accounts,
    audit_log,
    email_changes,
    email_verification,
    export,
    identities,
    keys,
    password_resets,
    roles,
    sign_ins,
    users,
)

routers = (
    users.auth,
    sign_ins.auth,
    identities.auth,
    email_verification.auth,
    password_resets.auth,
    keys.router,
    users.profile,
    email_verification.profile,
    email_changes.profile,
    identities.profile,
    export.profile,
    users.admin,
    roles.admin,
    accounts.admin,
    audit_log.admin,
)
