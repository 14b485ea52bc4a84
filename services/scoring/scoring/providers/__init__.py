"""Speech providers, one folder each."""

from typing import TYPE_CHECKING

from scoring.providers.base import Capabilities, PaidSpeechProvider, SpeechProvider

if TYPE_CHECKING:
    from scoring.providers.chain import ProviderChain
    from scoring.settings import ApiSettings
    from scoring.types import SpeechProviderName

__all__ = ["Capabilities", "PaidSpeechProvider", "SpeechProvider", "create_provider", "verify_installation"]


# Functions import what they need: worker processes import this package and should stay small, and a provider
# that is not used need not be installed.
def create_provider(settings: "ApiSettings") -> "ProviderChain":
    """Return the providers that SPEECH_PROVIDER names, not started."""
    from scoring.budget import SpeechBudget
    from scoring.domain.budgets import Limits
    from scoring.providers.chain import ProviderChain

    limits = Limits.from_seconds(
        daily_per_learner=settings.speech_daily_seconds_per_learner, monthly=settings.speech_monthly_seconds
    )
    budget = SpeechBudget(settings.redis_url.get_secret_value(), limits)
    providers = [_create_by_name(name, settings) for name in settings.speech_provider]
    return ProviderChain(providers, budget, max_waiting=settings.scoring_queue_size)


def verify_installation(settings: "ApiSettings") -> None:
    """Raise CannotStart if files of the named providers are missing."""
    if "offline" in settings.speech_provider:
        from scoring.providers.offline.model_files import verify_files

        verify_files()


def _create_by_name(name: "SpeechProviderName", settings: "ApiSettings") -> SpeechProvider:
    match name:
        case "azure":
            from scoring.providers.azure.provider import AzureProvider

            return AzureProvider.from_settings(settings)
        case "offline":
            from scoring.providers.offline.provider import OfflineProvider

            return OfflineProvider.from_settings(settings)
