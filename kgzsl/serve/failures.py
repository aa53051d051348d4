"""From errors to answers: a status, a code for programs, a sentence for people."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from kgzsl.errors import (
    AdditionError,
    AmbiguousClassError,
    BackboneError,
    BackboneMismatchError,
    CorruptFileError,
    GraphError,
    KgzslError,
    MissingDependencyError,
    MissingResourceError,
    NotFittedError,
    SemanticsError,
    StorageError,
    UnknownClassError,
)
from kgzsl.serve.batching import BusyError

__all__ = ["RequestError", "add_failure_answers"]

log = logging.getLogger(__name__)

ANSWERS: tuple[tuple[type[KgzslError], int, str], ...] = (
    (BusyError, 503, "busy"),
    (UnknownClassError, 422, "unknown_class"),
    (AmbiguousClassError, 422, "ambiguous_class"),
    (BackboneMismatchError, 422, "backbone_mismatch"),
    (BackboneError, 409, "no_backbone"),
    (AdditionError, 422, "bad_class"),
    (GraphError, 422, "bad_class"),
    (SemanticsError, 422, "bad_class"),
    (MissingDependencyError, 503, "missing_resource"),
    (MissingResourceError, 503, "missing_resource"),
    (StorageError, 507, "not_saved"),
    (CorruptFileError, 500, "damaged_run"),
    (NotFittedError, 500, "damaged_run"),
    (KgzslError, 422, "bad_input"),
)
"""Error to status and code; the first that fits."""


class RequestError(KgzslError, ValueError):
    """A request that asks for too much, or for nothing."""

    def __init__(self, message: str, status: int = 422, code: str = "bad_request", **more: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.more = status, code, more


def add_failure_answers(app: FastAPI, retry_after: int) -> None:
    """Let an application answer errors in one form: ``{"error": {"code": ..., "message": ...}}``."""

    @app.exception_handler(KgzslError)
    async def of_kgzsl(request: Request, error: KgzslError) -> JSONResponse:
        if isinstance(error, RequestError):
            return _answer(error.status, error.code, str(error), **error.more)
        status, code = next((status, code) for kind, status, code in ANSWERS if isinstance(error, kind))
        if status == 500:
            log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        answer = _answer(status, code, str(error))
        if status == 503:
            answer.headers["retry-after"] = str(retry_after)
        return answer

    @app.exception_handler(RequestValidationError)
    async def of_validation(request: Request, error: RequestValidationError) -> JSONResponse:
        told = [f"{'.'.join(map(str, one['loc'][1:])) or one['loc'][0]}: {one['msg']}" for one in error.errors()]
        return _answer(422, "bad_request", "; ".join(told[:5]))

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        codes = {404: "not_found", 405: "wrong_method"}
        answer = _answer(error.status_code, codes.get(error.status_code, "bad_request"), str(error.detail))
        answer.headers.update(error.headers or {})
        return answer


def _answer(status: int, code: str, message: str, **more: Any) -> JSONResponse:
    plain = " ".join(message.split())
    return JSONResponse({"error": {"code": code, "message": plain, **more}}, status_code=status)
