""".env.example names every variable that a service reads, and no other."""

import importlib
import inspect
import re
from typing import Any

from pydantic_settings import BaseSettings

from deploy.local.processes import ROOT
from deploy.services import SERVICES


def list_settings(module: str) -> list[type[BaseSettings]]:
    def is_settings(member: Any) -> bool:
        return inspect.isclass(member) and issubclass(member, BaseSettings)

    return [settings for _, settings in inspect.getmembers(importlib.import_module(module), is_settings)]


def test_the_example_names_exactly_the_variables_that_are_read() -> None:
    modules = ["shared.settings", *(f"{service.name}.settings" for service in SERVICES)]
    read = {
        name.upper()
        for module in modules
        for setting in list_settings(module)
        for name in setting.model_fields
    }
    example_names = re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert sorted(example_names) == sorted(read)
