"""Requests made from the service's own OpenAPI description, right and wrong ones: never a 5xx, always as described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.serve import Limits, make_app
from kgzsl.toy import toy_features
from kgzsl.vision import Backbone

schemathesis = pytest.importorskip("schemathesis", reason="needs pip install 'kgzsl[dev]'")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ROUTES = (
    *("GET /healthz", "GET /metrics", "GET /api/run", "GET /api/samples", "POST /api/predict", "POST /api/explain"),
    *("GET /api/classes", "POST /api/classes", "GET /api/classes/{name}", "DELETE /api/classes/{name}"),
)
CAN_BE_WRONG = ("POST /api/predict", "POST /api/explain", "GET /api/classes", "POST /api/classes")
EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def schema(run: Path, toy_backbone: Backbone, given_encoder: None) -> Iterator[Any]:
    classifier = ZeroShotClassifier.load(run, backbone=toy_backbone)
    app = make_app(classifier, limits=Limits(body_bytes=100_000), samples=toy_features())
    with TestClient(app):
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


def operations(schema: Any) -> dict[str, Any]:
    found = (one.ok() for one in schema.get_all_operations())
    return {f"{one.method.upper()} {one.path}": one for one in found}


def test_every_route_is_described(schema: Any) -> None:
    assert set(operations(schema)) == set(ROUTES)


@pytest.mark.parametrize(
    ("mode", "route"), [*(("positive", route) for route in ROUTES), *(("negative", route) for route in CAN_BE_WRONG)]
)
def test_no_request_breaks_the_service(schema: Any, route: str, mode: str) -> None:
    kind = schemathesis.GenerationMode(mode)
    operation = operations(schema)[route]
    sent: list[int] = []

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=kind))
    def ask(case: Any) -> None:
        answer = case.call()
        sent.append(answer.status_code)
        assert answer.status_code < 500, f"{case.as_curl_command()} gives {answer.status_code}: {answer.text[:300]}"
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error"} and answer.json()["error"]["message"], answer.text[:300]

    ask()
    assert sent
