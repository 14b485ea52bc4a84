"""The admin panel: SQLAdmin, mounted in each service, with a shared layout and shared rules.

See docs/admin-panel.md for how a service adds pages.
"""

from sqladmin import expose

from shared.panel.access import ADMINS, EDITORS, get_principal
from shared.panel.actions import post_action
from shared.panel.csv_export import to_csv_response
from shared.panel.fields import LookupField
from shared.panel.form_data import get_form
from shared.panel.forms import AlreadySubmitted, ChangedByOther, parse
from shared.panel.lists import Choice, Column, Count, Filter, Listing, ListQuery, create_listing
from shared.panel.panel import Panel
from shared.panel.views import Blocker, PageView, ResourceView

__all__ = [
    "ADMINS",
    "EDITORS",
    "AlreadySubmitted",
    "Blocker",
    "ChangedByOther",
    "Choice",
    "Column",
    "Count",
    "Filter",
    "ListQuery",
    "Listing",
    "LookupField",
    "PageView",
    "Panel",
    "ResourceView",
    "create_listing",
    "expose",
    "get_form",
    "get_principal",
    "parse",
    "post_action",
    "to_csv_response",
]
