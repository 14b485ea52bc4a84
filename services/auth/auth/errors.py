"""Why requests to the auth service fail: every code that a client can get."""

from shared.errors import BadRequest, Conflict, Invalid, NotFound, Unauthorized, Unavailable


class WeakPassword(Invalid):
    """The password would be guessed."""

    code, title = "weak_password", "Weak password"


class EmailTaken(Conflict):
    """The address has an account already."""

    code, title = "email_taken", "E-mail address taken"


class InvalidCredentials(Unauthorized):
    """The address has no account, or another password: which of them is never told."""

    code, title = "invalid_credentials", "Invalid credentials"

    def __init__(self, detail: str = "The e-mail address or the password is wrong.") -> None:
        super().__init__(detail)


class SignedOut(Unauthorized):
    """The account has gone since the token was issued, or the sign-in that the token comes from has ended."""

    def __init__(self) -> None:
        super().__init__("You are signed out; sign in again.")


class InvalidRefreshToken(Unauthorized):
    """The refresh token is unknown, spent, revoked or too old."""

    code, title = "invalid_refresh_token", "Invalid refresh token"


class TokenUnknown(BadRequest):
    """No link with this token was ever sent, or it was long ago."""

    code, title = "token_unknown", "Unknown link"


class TokenExpired(BadRequest):
    """The link is too old."""

    code, title = "token_expired", "Link expired"


class TokenUsed(BadRequest):
    """The link has had its effect, or the account has changed since it was sent."""

    code, title = "token_used", "Link used"


class PasswordNotSet(Conflict):
    """The account is signed in to through a provider alone."""

    code, title = "no_password", "No password"


class IdentityLinkRequired(Conflict):
    """The address of a social sign-in has an account that this sign-in does not belong to."""

    code, title = "link_required", "Link required"


class EmailRequired(Invalid):
    """A provider has told no address, and an account needs one."""

    code, title = "email_required", "E-mail address required"


class EmailNotVerified(Conflict):
    """Only the owner of the account's address may add ways to sign in to it."""

    code, title = "email_unverified", "E-mail address not confirmed"


class IdentityTaken(Conflict):
    """The sign-in belongs to another account."""

    code, title = "identity_taken", "Sign-in taken"


class IdentityNotFound(NotFound):
    """The account has no sign-in with this provider."""

    code = "identity_not_found"


class LastSignInMethod(Conflict):
    """Without it nobody could sign in to the account any more."""

    code, title = "last_sign_in", "Last way to sign in"


class UserNotFound(NotFound):
    """There is no such account."""

    code = "user_not_found"


class LastAdmin(Conflict):
    """Without this admin there would be none."""

    code, title = "last_admin", "Last admin"


class InvalidSocialToken(Unauthorized):
    """The token does not prove to this app who someone is."""

    code, title = "invalid_social_token", "Invalid social token"


class ProviderNotConfigured(Invalid):
    """People cannot sign in with this provider here."""

    code, title = "provider_not_configured", "Provider not configured"

    def __init__(self) -> None:
        detail = "Signing in with this provider is not set up here; choose another way to sign in."
        super().__init__(detail, errors=[{"pointer": "#/provider", "message": "is not set up here"}])


class ProviderUnavailable(Unavailable):
    """The provider did not answer in time, or not as it documents."""

    code, title = "provider_unavailable", "Identity provider unavailable"

    def __init__(self) -> None:
        super().__init__("The provider cannot be asked right now; try again in a moment.")


class PasswordQueueFull(Unavailable):
    """More passwords wait to be hashed than a client would wait for."""

    code = "sign_in_busy"


class ExportUnavailable(Unavailable):
    """A part of the data cannot be had now, and half an export would look like a whole one."""

    code = "export_unavailable"

    def __init__(self) -> None:
        super().__init__("Your data cannot be gathered right now; try again in a moment.")
