"""The routes by subject. Each file ends in the table of its routes."""

from collections.abc import Mapping

from gateway.server.declare import Route
from gateway.server.routes import (
    agents,
    alerts,
    conversations,
    experiments,
    feedback,
    fleet,
    knowledge,
    lab,
    line,
    models,
    orchestrators,
    planning,
    questions,
    registry,
    routing,
    scaling,
    schedules,
    sessions,
    skills,
    tasks,
)
from gateway.server.shapes import Schema

MODULES = (
    tasks,
    sessions,
    feedback,
    conversations,
    agents,
    skills,
    knowledge,
    alerts,
    schedules,
    fleet,
    scaling,
    lab,
    orchestrators,
    routing,
    experiments,
    models,
    planning,
    questions,
    line,
    registry,
)
ROUTES: list[Route] = [route for module in MODULES for route in module.ROUTES]
PARTS: Mapping[str, Schema] = {name: schema for module in MODULES for name, schema in module.PARTS.items()}
"""Schemas that have a name of their own in the document."""
