"""What is counted of each request: by the address as it is declared, never as it was asked for."""

from aiohttp import web

from infra import metrics

_LONG = {"GET /ws", "GET /ws/chat/{conversation_id}", "GET /api/events", "GET /api/tasks/{task_id}/wait"}
"""Open for as long as somebody listens: how long says nothing."""
_REFUSALS = {401, 403, 408, 413, 421, 429, 503}
"""Answers of the door, before anybody has done anything."""


def count(request: web.Request, status: int, took_s: float) -> None:
    resource = request.match_info.route.resource
    route = f"{request.method} {resource.canonical}" if resource is not None else "none"
    metrics.GATEWAY_REQUESTS.labels(route, f"{status // 100}xx").inc()
    if route not in _LONG:
        metrics.GATEWAY_REQUEST_SECONDS.labels(route).observe(took_s)
    if status in _REFUSALS:
        metrics.GATEWAY_REFUSALS.labels(str(status)).inc()
