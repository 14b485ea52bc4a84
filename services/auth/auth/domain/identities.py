from enum import Enum

from auth.errors import LastSignInMethod


class LinkingDecision(Enum):
    OPEN = "no account has its address: open one"
    LINK = "an account has verified the same address: link the identity to it"
    REPLACE = "an account has the address unverified: open another, and leave that one without the address"
    REFUSE = "an account has the address, and the identity does not prove a right to it"


def decide_account_linking(
    *, identity_verified: bool, account_verified: bool | None, provider_known: bool
) -> LinkingDecision:
    """Decide by whether the provider, and the account with the same address, have verified it.

    `account_verified` is None without an account. `provider_known` means that another person of the same
    provider is linked to the account: the address has been reassigned.
    """
    if account_verified is None:
        return LinkingDecision.OPEN
    if not identity_verified:
        return LinkingDecision.REFUSE
    if not account_verified:
        return LinkingDecision.REPLACE
    return LinkingDecision.REFUSE if provider_known else LinkingDecision.LINK


def ensure_not_last_method(*, has_password: bool, identity_count: int) -> None:
    if not has_password and identity_count == 1:
        raise LastSignInMethod("Set a password first: this is your only way to sign in.")
