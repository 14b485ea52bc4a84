"""Errors that requests to the auth service can raise: every code that a client can receive.

The first line of each docstring is published in the API reference.
"""

from shared.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unavailable


class SignedOut(Unauthorized):
    """The access token is missing or invalid, or its session has ended; sign in again."""

    def __init__(self) -> None:
        super().__init__("You are signed out; sign in again.")


class InvalidCredentials(Unauthorized):
    """The e-mail address or the password is wrong."""

    code, title = "invalid_credentials", "Invalid credentials"

    # One text for both cases: it must not reveal whether an account exists.
    def __init__(self, detail: str = "The e-mail address or the password is wrong.") -> None:
        super().__init__(detail)


class NotForLearners(Forbidden):
    """The password is right, but the panel is for admins and editors."""

    code = "not_for_learners"

    def __init__(self) -> None:
        super().__init__("This is a learner's account. The panel is for editors and admins.")


class AccountLocked(Forbidden):
    """An admin has locked the account. It can sign in again when it is unlocked."""

    code, title = "account_locked", "Account locked"

    def __init__(self) -> None:
        super().__init__("This account is locked. Contact support to unlock it.")


class WrongPassword(Forbidden):
    """The password is wrong; the session stays valid."""

    code, title = "wrong_password", "Wrong password"

    # Not a 401, which clients answer by signing out.
    def __init__(self, detail: str = "The password is wrong.") -> None:
        super().__init__(detail)


class InvalidRefreshToken(Unauthorized):
    """The refresh token is unknown, used, revoked or expired; sign in again."""

    code, title = "invalid_refresh_token", "Invalid refresh token"

    def __init__(self) -> None:
        super().__init__("The refresh token is no longer valid; sign in again.")


class InvalidSocialToken(Unauthorized):
    """The provider's token is not valid for this app, or has already been used."""

    code, title = "invalid_social_token", "Invalid social token"


class RecentProofRequired(Forbidden):
    """Send the account's password, or sign in again and repeat the request within ten minutes."""

    code, title = "recent_sign_in_required", "Recent sign-in required"

    def __init__(self) -> None:
        super().__init__(
            "Send your password with this request, or sign in again and repeat it within ten minutes."
        )


class AccountProofRequired(Forbidden):
    """Send the access token or the password of the account concerned."""

    code, title = "account_proof_required", "Account proof required"

    def __init__(self) -> None:
        super().__init__("Send the account's password with this request, or sign in to the account first.")


class TokenUnknown(BadRequest):
    """The token does not exist; request a new e-mail."""

    code, title = "token_unknown", "Unknown token"

    def __init__(self) -> None:
        super().__init__("This link is not valid; request a new one.")


class TokenExpired(BadRequest):
    """The token has expired; request a new e-mail."""

    code, title = "token_expired", "Token expired"

    def __init__(self) -> None:
        super().__init__("This link has expired; request a new one.")


class TokenUsed(BadRequest):
    """The token has already been used, or the account's credentials have changed since it was sent."""

    code, title = "token_used", "Token used"

    def __init__(self) -> None:
        super().__init__(
            "This link has already been used, or the account has changed since; request a new one."
        )


class UserNotFound(NotFound):
    """The user does not exist."""

    code = "user_not_found"


class IdentityNotFound(NotFound):
    """The account has no identity at this provider."""

    code = "identity_not_found"


class EmailTaken(Conflict):
    """An account with this e-mail address already exists."""

    code, title = "email_taken", "E-mail address taken"


class EmailNotVerified(Conflict):
    """The account's e-mail address must be confirmed first."""

    code, title = "email_unverified", "E-mail address not confirmed"


class PasswordNotSet(Conflict):
    """The account has no password; the user signs in with a provider."""

    code, title = "no_password", "No password"


class IdentityLinkRequired(Conflict):
    """The e-mail address belongs to an account to which this identity is not linked."""

    code, title = "link_required", "Link required"


class IdentityTaken(Conflict):
    """The identity is linked to another account, or the account already has one at this provider."""

    code, title = "identity_taken", "Identity already linked"


class LastSignInMethod(Conflict):
    """This is the account's only way to sign in; set a password first."""

    code, title = "last_sign_in", "Last sign-in method"


class LastAdmin(Conflict):
    """The last admin cannot be removed; make another user an admin first."""

    code, title = "last_admin", "Last admin"


class OperatorAccount(Conflict):
    """The operator's account is defined in the server's configuration and can only be changed there."""

    code, title = "operator_account", "Operator account"

    def __init__(self) -> None:
        super().__init__("This is the operator's account; change it in the server's configuration.")


class OwnAccount(Conflict):
    """Admins cannot lock or delete their own account here."""

    code, title = "own_account", "Own account"

    def __init__(self) -> None:
        super().__init__("This is your own account; ask another admin to do this.")


class WeakPassword(Invalid):
    """The password is too short, too simple or too common; `errors` lists each broken rule."""

    code, title = "weak_password", "Weak password"


class EmailRequired(Invalid):
    """The provider did not share an e-mail address, which a new account needs."""

    code, title = "email_required", "E-mail address required"


class ProviderNotConfigured(Invalid):
    """Sign-in with this provider is not available."""

    code, title = "provider_not_configured", "Provider not configured"

    def __init__(self) -> None:
        detail = "Signing in with this provider is not available; choose another way to sign in."
        super().__init__(detail, errors=[{"pointer": "#/provider", "message": "is not available"}])


class ProviderUnavailable(Unavailable):
    """The identity provider did not respond in time, or returned an invalid response."""

    code, title = "provider_unavailable", "Identity provider unavailable"

    def __init__(self) -> None:
        super().__init__("The provider is not available right now; try again in a moment.")


class PasswordQueueFull(Unavailable):
    """Too many passwords are waiting to be checked."""

    code = "sign_in_busy"

    def __init__(self) -> None:
        super().__init__("Too many people are signing in right now; try again in a moment.")


class ExportUnavailable(Unavailable):
    """Part of the data is unavailable; an incomplete export is never returned."""

    code = "export_unavailable"

    def __init__(self) -> None:
        super().__init__("Your data cannot be exported right now; try again in a moment.")
