"""Social sign-ins."""

from enum import Enum


class LinkingDecision(Enum):
    """What becomes of a social sign-in that no account is known for."""

    OPEN = "nobody has its address: it opens an account"
    LINK = "an account has proved the same address: it becomes a way to sign in to it"
    CLAIM = "an account has the address without proof: whoever has proved it takes that account over"
    REFUSE = "an account has the address, and the sign-in proves nothing that would open it"


def decide_account_linking(
    *, vouched_for: bool, account_verified: bool | None, provider_known: bool
) -> LinkingDecision:
    """Decide on a social sign-in, by whether its provider vouches for its address.

    `account_verified` is None when no account has the address. `provider_known` says that the account is
    signed in to by somebody else at the same provider: the address was given to a second person there.
    """
    if account_verified is None:
        return LinkingDecision.OPEN
    if not vouched_for:
        return LinkingDecision.REFUSE
    if not account_verified:
        return LinkingDecision.CLAIM
    return LinkingDecision.REFUSE if provider_known else LinkingDecision.LINK
