from dataclasses import asdict

from shared.audio.formats import FORMATS

from scoring.providers.chain import ProviderChain
from scoring.schemas.capabilities import CapabilitiesRead


def get_capabilities(providers: ProviderChain) -> CapabilitiesRead:
    return CapabilitiesRead(
        formats=[audio_format.name for audio_format in FORMATS],
        codecs={audio_format.name: list(audio_format.codecs) for audio_format in FORMATS},
        **asdict(providers.capabilities),
    )
