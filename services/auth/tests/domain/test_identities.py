import pytest
from auth.domain.identities import LinkingDecision, decide_account_linking, ensure_not_last_method
from auth.errors import LastSignInMethod


@pytest.mark.parametrize(
    ("identity_verified", "account_verified", "provider_known", "decision"),
    [
        (True, None, False, LinkingDecision.OPEN),
        (False, None, False, LinkingDecision.OPEN),
        (True, True, False, LinkingDecision.LINK),
        (True, True, True, LinkingDecision.REFUSE),
        (True, False, False, LinkingDecision.REPLACE),
        (True, False, True, LinkingDecision.REPLACE),
        (False, True, False, LinkingDecision.REFUSE),
        (False, False, False, LinkingDecision.REFUSE),
    ],
)
def test_only_addresses_verified_on_both_sides_link_an_identity(
    identity_verified: bool, account_verified: bool | None, provider_known: bool, decision: LinkingDecision
) -> None:
    actual = decide_account_linking(
        identity_verified=identity_verified,
        account_verified=account_verified,
        provider_known=provider_known,
    )
    assert actual is decision


def test_an_account_keeps_one_sign_in_method() -> None:
    ensure_not_last_method(has_password=True, identity_count=1)
    ensure_not_last_method(has_password=False, identity_count=2)
    with pytest.raises(LastSignInMethod):
        ensure_not_last_method(has_password=False, identity_count=1)
