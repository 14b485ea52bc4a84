from fastapi import FastAPI
from shared.http.app import create_api

from importer.api import routers
from importer.settings import ApiSettings


def create_app(settings: ApiSettings) -> FastAPI:
    return create_api(settings, *routers, title="Parley importer")
