"""The HTTP routes of the auth service."""

from auth.api import accounts, admin, keys, links, profile, sign_ins, social

routers = (
    keys.router,
    accounts.router,
    sign_ins.router,
    social.router,
    links.router,
    profile.router,
    admin.router,
)
