from typing import Annotated

from shared.http.dependencies import from_state

from scoring.providers import SpeechProvider
from scoring.receipts import ReceiptIssuer

SpeechProviderDep = Annotated[SpeechProvider, from_state("provider")]
ReceiptIssuerDep = Annotated[ReceiptIssuer, from_state("receipts")]
