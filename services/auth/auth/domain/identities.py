"""Identities at providers."""

from enum import Enum


class LinkingDecision(Enum):
    """What to do with an identity that is not linked to an account yet."""

    OPEN = "no account has its address: open one"
    LINK = "an account has verified the same address: link the identity to it"
    TAKE_OVER = "an account has the address unverified: the identity's owner takes it over"
    REFUSE = "an account has the address, and the identity does not prove a right to it"


def decide_account_linking(
    *, identity_verified: bool, account_verified: bool | None, provider_known: bool
) -> LinkingDecision:
    """Decide what to do with an identity by the e-mail address that it and an account share.

    `identity_verified`: the provider has verified the address. `account_verified` is None if no account has
    the address. `provider_known`: another person of the same provider is linked to the account, so the
    address has changed hands there.
    """
    if account_verified is None:
        return LinkingDecision.OPEN
    if not identity_verified:
        return LinkingDecision.REFUSE
    if not account_verified:
        return LinkingDecision.TAKE_OVER
    return LinkingDecision.REFUSE if provider_known else LinkingDecision.LINK
