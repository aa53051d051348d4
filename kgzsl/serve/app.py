"""The application: routes, each a few lines around `Service`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi import Query as ApiQuery
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from kgzsl import __version__
from kgzsl.features import FeatureSet
from kgzsl.serve.failures import RequestError, add_failure_answers
from kgzsl.serve.gate import Gate
from kgzsl.serve.limits import Limits
from kgzsl.serve.metrics import Metrics
from kgzsl.serve.requests import Asked, body_of, read_request
from kgzsl.serve.schemas import AddClass, Answer, Candidate, ExplainQuery, Failure, FeatureQuery
from kgzsl.serve.service import Service

__all__ = ["build_app"]

PAGE = Path(__file__).parent / "page"
FAILURES: dict[int | str, dict[str, Any]] = {status: {"model": Failure} for status in (401, 409, 413, 415, 422, 503)}
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
router = APIRouter()


def build_app(service: Service, token: str | None = None) -> FastAPI:
    """Return the application of a service.

    Args:
        service: what answers.
        token: what requests below ``/api/`` must carry; None lets everybody in.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.open)
        getattr(app.state, "tell", lambda: None)()
        yield
        await run_in_threadpool(service.close)

    app = FastAPI(
        title="kgzsl",
        version=__version__,
        description="Rank any class for pictures, also classes without a single picture.",
        lifespan=lifespan,
        docs_url=None,  # those pages load scripts from elsewhere; /reference shows the same
        redoc_url=None,
    )
    app.state.service = service
    service.metrics.watch("kgzsl_pictures_waiting", "Pictures that wait for the backbone.", lambda: service.num_waiting)
    add_failure_answers(app, service.limits.retry_after)
    app.include_router(router)
    app.mount("/page", StaticFiles(directory=PAGE), name="page")
    app.add_middleware(Gate, limits=service.limits, token=token, observe=partial(_measure, service.metrics))
    return app


def _measure(metrics: Metrics, scope: dict[str, Any], status: int, seconds: float) -> None:
    """Count a request and its seconds by route."""
    route = getattr(scope.get("route"), "path", "other")
    metrics.requests.labels(scope["method"], route, str(status)).inc()
    metrics.seconds.labels(route).observe(seconds)


def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


ServiceOf = Annotated[Service, Depends(_service)]


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """The page for people."""
    return FileResponse(PAGE / "index.html")


@router.get("/reference", include_in_schema=False)
async def reference() -> FileResponse:
    """The description of the API for people."""
    return FileResponse(PAGE / "reference.html")


@router.get("/healthz", tags=["service"])
async def health() -> dict[str, str]:
    """Say that the service answers."""
    return {"status": "ok", "version": __version__}


@router.get("/metrics", tags=["service"], response_class=Response)
def metrics(service: ServiceOf) -> Response:
    """Counters for Prometheus."""
    return Response(service.metrics.text(), media_type=METRICS_TYPE)


@router.get("/api/run", tags=["service"], responses=FAILURES)
def run(service: ServiceOf) -> dict[str, Any]:
    """Tell what is served: the run, its method and graph, and whether pictures can be sent."""
    return {**service.facts(), "limits": {name: getattr(service.limits, name) for name in Limits.__slots__}}


@router.get("/api/samples", tags=["predict"], responses=FAILURES)
def samples(service: ServiceOf) -> dict[str, list[str]]:
    """List samples that can be asked about by name where no picture is at hand."""
    return {"samples": service.sample_names()}


@router.post(
    "/api/predict",
    tags=["predict"],
    response_model=Answer,
    responses=FAILURES,
    openapi_extra={"requestBody": body_of(FeatureQuery)},
)
async def predict(request: Request, service: ServiceOf) -> dict[str, Any]:
    """Rank classes for pictures, for features or for samples."""
    asked = await read_request(request, service.limits, FeatureQuery)
    return {"results": await run_in_threadpool(_predict, service, asked)}


@router.post(
    "/api/explain",
    tags=["predict"],
    responses=FAILURES,
    openapi_extra={"requestBody": body_of(ExplainQuery)},
)
async def explain(request: Request, service: ServiceOf) -> dict[str, Any]:
    """Say why a class has its score for one picture: seen classes that contribute, near classes, the graph around."""
    asked = await read_request(request, service.limits, ExplainQuery)
    return await run_in_threadpool(_explain, service, asked)


def _explain(service: Service, asked: Asked) -> dict[str, Any]:
    if not asked.target:
        raise RequestError("Name the class to explain as field 'target'.")
    return service.explain(_images(service, asked), asked.query, asked.target)


@router.get("/api/classes", tags=["classes"], responses=FAILURES)
def search(
    service: ServiceOf,
    query: Annotated[str, ApiQuery(min_length=1, max_length=200, description="The beginning of a name.")],
    limit: Annotated[int, ApiQuery(ge=1, le=100)] = 10,
) -> dict[str, list[Candidate]]:
    """Find classes by the beginning of a name, as somebody types it."""
    return {"classes": [Candidate(**one) for one in service.search(query, limit)]}


@router.post("/api/classes", tags=["classes"], status_code=201, responses=FAILURES)
def add(service: ServiceOf, asked: AddClass) -> dict[str, Any]:
    """Add a class: a noun, or one of your own by its parents, its description or both. It is kept."""
    return service.add(asked.name, asked.parents, asked.description)


@router.get("/api/classes/{name}", tags=["classes"], responses={**FAILURES, 404: {"model": Failure}})
def place(service: ServiceOf, name: str) -> dict[str, Any]:
    """Tell where a class stands, by id or name."""
    return service.place(name)


@router.delete("/api/classes/{name}", tags=["classes"], responses=FAILURES)
def remove(service: ServiceOf, name: str) -> dict[str, Any]:
    """Take a class out that was added."""
    return service.remove(name)


def _predict(service: Service, asked: Asked) -> list[dict[str, Any]]:
    return service.predict(_images(service, asked), asked.query)


def _images(service: Service, asked: Asked) -> FeatureSet:
    if asked.uploads:
        return service.features_of(asked.uploads)
    return service.given_features(asked.features) if asked.features else service.sample_features(asked.samples)
