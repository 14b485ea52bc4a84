"""The in-memory catalogue of speeches, from which each API process makes its draws."""

from content.catalogue.changelog import record_change
from content.catalogue.index import Catalogue, Facet, MatchingNumbers
from content.catalogue.refresher import CatalogueRefresher
from content.catalogue.sampler import OVERSAMPLING, count_likely_excluded, sample

__all__ = [
    "OVERSAMPLING",
    "Catalogue",
    "CatalogueRefresher",
    "Facet",
    "MatchingNumbers",
    "count_likely_excluded",
    "record_change",
    "sample",
]
