"""Speech providers, one folder each."""

from typing import TYPE_CHECKING

from scoring.providers.base import Capabilities, SpeechProvider

if TYPE_CHECKING:
    from scoring.settings import ApiSettings

__all__ = ["Capabilities", "SpeechProvider", "create_provider"]


def create_provider(settings: "ApiSettings") -> SpeechProvider:
    """Return the provider that SPEECH_PROVIDER names, not started. The others need not be installed."""
    match settings.speech_provider:
        case "azure":
            from scoring.providers.azure.provider import AzureProvider

            return AzureProvider.from_settings(settings)
        case "offline":
            from scoring.providers.pocketsphinx.provider import PocketsphinxProvider

            return PocketsphinxProvider.from_settings(settings)
