"""The pages of the node: everything on the listener that is not JSON-RPC.

Owns the routes of /health and the note at /. Never answers JSON-RPC.
"""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rpc.backend import Health, NodeBackend


def pages(node: NodeBackend) -> Starlette:
    """The ASGI application.

    `/health/live`: 200 while the process works. `/health/ready`: 200 while it may get traffic. `/health`: both,
    with the status of readiness. All others of these are 503; the body is a JSON object.
    """

    async def ready(_request: Request) -> Response:
        health = node.health()
        return _reply(health, health.live and health.ready)

    async def live(_request: Request) -> Response:
        health = node.health()
        return _reply(health, health.live)

    async def note(_request: Request) -> Response:
        return PlainTextResponse("This is a blockchain node. JSON-RPC: POST /. Health: GET /health.\n")

    return Starlette(
        routes=[
            Route("/", note),
            Route("/health", ready),
            Route("/health/live", live),
            Route("/health/ready", ready),
        ]
    )


def _reply(health: Health, good: bool) -> Response:
    body = msgspec.json.encode({"live": health.live, "ready": health.ready, "checks": health.checks})
    return Response(
        body,
        status_code=200 if good else 503,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )
