"""Token, headers, requests at once, health, counters."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from kgzsl.errors import InputFileError
from kgzsl.serve import Limits
from kgzsl.serve.server import is_loopback

Make = Callable[..., TestClient]


def test_a_token_guards_the_api_and_nothing_else(client: Make) -> None:
    asked = client(token="secret")
    assert asked.get("/healthz").json()["status"] == "ok" and asked.get("/").status_code == 200
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "secret"}):
        found = asked.get("/api/run", headers=headers)
        assert found.status_code == 401 and found.headers["www-authenticate"] == "Bearer"
    assert asked.get("/api/run", headers={"authorization": "Bearer secret"}).json()["method"] == "graph_regression"


def test_every_answer_forbids_other_hosts(client: Make) -> None:
    asked = client()
    for place in ("/", "/api/run", "/healthz", "/nowhere"):
        headers = asked.get(place).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and "access-control-allow-origin" not in headers


def test_unknown_places_and_verbs(client: Make) -> None:
    asked = client()
    assert asked.get("/nowhere").json()["error"]["code"] == "not_found"
    found = asked.get("/api/predict")
    assert (found.status_code, found.json()["error"]["code"]) == (405, "wrong_method")


def test_more_requests_than_may_be_at_once_are_asked_to_wait(client: Make) -> None:
    asked = client(requests=1, retry_after=7)
    service = asked.app.state.service  # type: ignore[attr-defined]
    inside, go = threading.Event(), threading.Event()

    def slow() -> dict[str, object]:
        inside.set()
        assert go.wait(10)
        return {}

    service.facts = slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(asked.get, "/api/run")
        assert inside.wait(10)
        found = asked.get("/api/samples")
        assert (found.status_code, found.headers["retry-after"]) == (503, "7")
        assert asked.get("/healthz").status_code == 200
        go.set()
        assert first.result().status_code == 200
    assert asked.get("/api/samples").status_code == 200


def test_requests_are_counted_by_route(client: Make) -> None:
    asked = client()
    asked.get("/api/samples")
    asked.post("/api/predict", json={})
    text = asked.get("/metrics").text
    assert 'kgzsl_requests_total{method="GET",route="/api/samples",status="200"} 1.0' in text
    assert 'kgzsl_requests_total{method="POST",route="/api/predict",status="422"} 1.0' in text
    assert "kgzsl_pictures_waiting 0.0" in text


def test_limits_and_addresses() -> None:
    with pytest.raises(InputFileError, match="Limit classes must be at least 1, found 0"):
        Limits(classes=0)
    assert [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0")] == [True, True, True, False]
    with pytest.raises(InputFileError, match="'here' is no address"):
        is_loopback("here")
