"""What stands before every request: the token, the number of bytes, the number of requests at once.

Written against ASGI itself, so that a body that is too long is cut off while it arrives and never held whole.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from kgzsl.serve.limits import Limits

__all__ = ["Gate"]

Message: TypeAlias = dict[str, Any]
GUARDED = "/api/"
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
"""Sent with every answer: the page may load what this service has, and nothing from anywhere else."""


class _TooLongError(Exception):
    pass


class Gate:
    """An ASGI application before another one.

    Args:
        app: the application behind it.
        limits: bytes of a request and requests at once.
        token: what ``Authorization: Bearer`` must carry below ``/api/``; None lets everybody in.
        observe: told the scope, the status and the seconds of every request.
    """

    def __init__(
        self,
        app: Any,
        limits: Limits,
        token: str | None = None,
        observe: Callable[[Message, int, float], object] = lambda scope, status, seconds: None,
    ) -> None:
        self.app, self.limits, self.token, self.observe = app, limits, token, observe
        self._open = 0
        self._lock = threading.Lock()

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._admit(scope, receive, noted)
        finally:
            self.observe(scope, status, time.perf_counter() - start)

    async def _admit(self, scope: Message, receive: Any, send: Any) -> None:
        guarded = scope["path"].startswith(GUARDED)
        if guarded and not self._has_token(scope):
            detail = "This service wants a token; send it as Authorization: Bearer TOKEN."
            await _answer(send, 401, "no_token", detail, {"www-authenticate": "Bearer"})
            return
        if guarded and not self._enter():
            detail = f"{self.limits.requests} requests are being answered already; ask again in a moment."
            await _answer(send, 503, "busy", detail, {"retry-after": str(self.limits.retry_after)})
            return
        try:
            await self._pass(scope, receive, send)
        finally:
            if guarded:
                self._leave()

    async def _pass(self, scope: Message, receive: Any, send: Any) -> None:
        limit = self.limits.body_bytes
        received, too_long = 0, _declared_length(scope) > limit

        async def counted() -> Message:
            nonlocal received, too_long
            message: Message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                too_long = True
                raise _TooLongError
            return message

        async def watched(message: Message) -> None:
            if too_long:  # what the application makes of the cut is not the reason
                return
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *_encoded(HEADERS)]}
            await send(message)

        if not too_long:
            with suppress(_TooLongError):
                await self.app(scope, counted, watched)
        if too_long:
            detail = f"The request is longer than {limit:,} bytes; send fewer or smaller pictures."
            await _answer(send, 413, "too_long", detail, {"connection": "close"})

    def _has_token(self, scope: Message) -> bool:
        if self.token is None:
            return True
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        return hmac.compare_digest(given, f"Bearer {self.token}".encode())

    def _enter(self) -> bool:
        with self._lock:
            if self._open >= self.limits.requests:
                return False
            self._open += 1
            return True

    def _leave(self) -> None:
        with self._lock:
            self._open -= 1


def _declared_length(scope: Message) -> int:
    """Return what the request says of its length; 0 where it says nothing that is a number."""
    said = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(said) if said.isdigit() and len(said) < 20 else 0


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _answer(send: Any, status: int, code: str, detail: str, headers: dict[str, str]) -> None:
    body = json.dumps({"error": {"code": code, "message": detail}}).encode()
    told = {"content-type": "application/json", "content-length": str(len(body)), **HEADERS, **headers}
    await send({"type": "http.response.start", "status": status, "headers": _encoded(told)})
    await send({"type": "http.response.body", "body": body})
