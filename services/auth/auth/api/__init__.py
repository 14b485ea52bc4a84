"""The HTTP routes of the auth service."""

from auth.api import (
    audit_log,
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
    keys.router,
    users.auth,
    sign_ins.auth,
    identities.auth,
    password_resets.auth,
    email_verification.auth,
    users.profile,
    email_verification.profile,
    identities.profile,
    export.profile,
    users.admin,
    roles.admin,
    audit_log.admin,
)
