"""The HTTP routes of the importer service."""

from fastapi import APIRouter

routers: tuple[APIRouter, ...] = ()
