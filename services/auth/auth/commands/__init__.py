"""What the auth service changes, in the caller's transaction."""

from auth.commands.emails import request_letter
from auth.commands.identities import link_identity, sign_in_with, unlink_identity
from auth.commands.password_resets import change_password, check_link, reset_password, verify_email
from auth.commands.roles import appoint_first_admin, change_role
from auth.commands.sign_ins import SignIn, log_in, log_out, refresh
from auth.commands.users import create_user, delete_user, register, update_profile

__all__ = [
    "SignIn",
    "appoint_first_admin",
    "change_password",
    "change_role",
    "check_link",
    "create_user",
    "delete_user",
    "link_identity",
    "log_in",
    "log_out",
    "refresh",
    "register",
    "request_letter",
    "reset_password",
    "sign_in_with",
    "unlink_identity",
    "update_profile",
    "verify_email",
]
