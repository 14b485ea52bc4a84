"""Dependencies of the routes, and responses that they share."""

from functools import partial
from typing import Annotated

from shared.data.db_errors import DatabaseUnavailable
from shared.errors import Forbidden, Invalid, TooManyRequests, Unauthorized
from shared.http.dependencies import from_state
from shared.http.problems import error_responses

from game.receipts import ReceiptVerifier

ReceiptVerifierDep = Annotated[ReceiptVerifier, from_state("receipt_verifier")]

learner_errors = partial(error_responses, Unauthorized, Invalid, TooManyRequests, DatabaseUnavailable)
admin_errors = partial(learner_errors, Forbidden)
