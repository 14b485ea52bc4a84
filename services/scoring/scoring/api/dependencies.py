from typing import Annotated

from fastapi import Depends, Request

from scoring.providers import SpeechProvider
from scoring.receipts import ReceiptIssuer


async def _get_provider(request: Request) -> SpeechProvider:
    provider: SpeechProvider = request.app.state.provider
    return provider


async def _get_receipt_issuer(request: Request) -> ReceiptIssuer:
    receipts: ReceiptIssuer = request.app.state.receipts
    return receipts


SpeechProviderDep = Annotated[SpeechProvider, Depends(_get_provider)]
ReceiptIssuerDep = Annotated[ReceiptIssuer, Depends(_get_receipt_issuer)]
