from functools import partial

from shared.messaging.jobs import Effect, Jobs
from shared.security.revocation import Revocations

from auth.commands.apple_tokens import RevokeAppleToken, revoke_apple_token
from auth.commands.revocations import RevokeAccess, publish_revocations
from auth.social import AppleClient


def create_jobs(revocations: Revocations, apple: AppleClient) -> Jobs:
    return {
        RevokeAccess: Effect(partial(publish_revocations, revocations)),
        RevokeAppleToken: Effect(partial(revoke_apple_token, apple)),
    }
