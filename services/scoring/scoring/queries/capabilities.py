from dataclasses import asdict

from shared.audio.formats import FORMATS

from scoring.providers.chain import ProviderChain
from scoring.schemas.capabilities import CapabilitiesRead


def get_capabilities(providers: ProviderChain) -> CapabilitiesRead:
    return CapabilitiesRead(
        formats=[known.name for known in FORMATS],
        codecs={known.name: list(known.codecs) for known in FORMATS},
        **asdict(providers.capabilities),
    )
