"""The HTTP routes of the auth service."""

from auth.api import keys, password_resets, profile, roles, sign_ins, social, users

routers = (
    keys.router,
    users.router,
    sign_ins.router,
    social.router,
    password_resets.router,
    profile.router,
    roles.router,
)
