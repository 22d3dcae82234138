"""The interface's description as a page of our own: no script from elsewhere runs beside patients."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse

from gateway.console.rendering import render


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing the interface can do."""

    method: str
    path: str
    summary: str
    parameters: tuple[str, ...]


def operations(schema: dict[str, Any]) -> Iterator[Operation]:
    """Operations of an OpenAPI document in its order."""
    for path, methods in schema["paths"].items():
        for method, described in methods.items():
            names = tuple(f"{p['name']} ({p['in']})" for p in described.get("parameters", ()))
            body = ("body (JSON)",) if "requestBody" in described else ()
            yield Operation(method.upper(), path, described.get("summary", ""), names + body)


def routes(app: FastAPI) -> APIRouter:
    """``/docs``; the document itself is at ``/openapi.json``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    def docs() -> HTMLResponse:
        return HTMLResponse(render("docs.html", title=app.title, operations=list(operations(app.openapi()))))

    return router
