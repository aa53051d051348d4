"""Read a prediction's request: pictures as a form, features and samples as JSON; everything checked against limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from kgzsl.serve.failures import RequestError
from kgzsl.serve.limits import Limits
from kgzsl.serve.schemas import FeatureQuery
from kgzsl.serve.service import Query, Upload

__all__ = ["BODY", "PredictRequest", "read_predict_request"]

JSON_TYPE, FORM_TYPE = "application/json", "multipart/form-data"
PICTURES = "pictures"
FIELDS = ("classes", "top_k", "include_person")
MAX_NAME = 200

BODY: dict[str, Any] = {
    "required": True,
    "content": {
        FORM_TYPE: {
            "schema": {
                "type": "object",
                "required": [PICTURES],
                "properties": {
                    PICTURES: {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1},
                    "classes": {
                        "type": "array",
                        "items": {"type": "string"},
                        "description": "Names or ids, one a field.",
                    },
                    "top_k": {"type": "integer", "minimum": 1, "default": 5},
                    "include_person": {"type": "boolean", "default": False},
                },
            }
        },
        JSON_TYPE: {"schema": FeatureQuery.model_json_schema()},
    },
}
"""The two forms of the request, for the OpenAPI description."""


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """A prediction's request: what to rank for, and one of pictures, feature rows and names of samples."""

    query: Query
    uploads: tuple[Upload, ...] = ()
    features: tuple[tuple[float, ...], ...] = ()
    samples: tuple[str, ...] = ()


async def read_predict_request(request: Request, limits: Limits) -> PredictRequest:
    """Return what a request asks for.

    Raises:
        RequestError: it is of a wrong media type, asks for nothing, for two things, or for more than the limits allow.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == JSON_TYPE:
        found = _of_json(await request.body())
    elif kind == FORM_TYPE:
        found = await _of_form(request, limits)
    else:
        raise RequestError(
            f"Send pictures as {FORM_TYPE}, or features as {JSON_TYPE}; found {kind or 'no content type'!r}.",
            415,
            "wrong_media_type",
        )
    _check(found, limits)
    return found


def _of_json(body: bytes) -> PredictRequest:
    try:
        asked = FeatureQuery.model_validate_json(body)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors(include_url=False)]
        raise RequestError("; ".join(told[:5])) from error
    if asked.features and asked.samples:
        raise RequestError("Send features or samples: one of the two.")
    query = Query(tuple(asked.classes), asked.top_k, asked.include_person)
    return PredictRequest(query, (), tuple(map(tuple, asked.features)), tuple(asked.samples))


async def _of_form(request: Request, limits: Limits) -> PredictRequest:
    fields = limits.classes + len(FIELDS)
    try:
        form = await request.form(max_files=limits.pictures, max_fields=fields, max_part_size=limits.body_bytes)
    except HTTPException as error:  # what starlette makes of a form that it cannot read
        if str(error.detail).startswith("Too many"):
            raise RequestError(str(error.detail), 413, "too_much") from error
        raise RequestError(f"The form could not be read: {error.detail}") from error
    try:
        return await _of_fields(form)
    finally:
        await form.close()


async def _of_fields(form: FormData) -> PredictRequest:
    if strange := sorted(set(form) - {PICTURES, *FIELDS}):
        raise RequestError(f"There is no field {strange[0]!r}; there are {PICTURES}, {', '.join(FIELDS)}.")
    files = form.getlist(PICTURES)
    uploads = [
        Upload((one.filename or PICTURES)[:MAX_NAME], await one.read()) for one in files if isinstance(one, UploadFile)
    ]
    if len(uploads) < len(files):
        raise RequestError(f"Field {PICTURES!r} holds text; send each picture as a file of the form.")
    classes = [one for one in form.getlist("classes") if isinstance(one, str)]
    person = str(form.get("include_person", "false")).lower()
    if person not in ("true", "false"):
        raise RequestError(f"include_person is true or false, found {person[:50]!r}.")
    return PredictRequest(Query(tuple(classes), _whole(form.get("top_k", "5")), person == "true"), tuple(uploads))


def _whole(text: Any) -> int:
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise RequestError(f"top_k is a whole number of at least 1, found {str(text)[:50]!r}.")
    return int(text)


def _check(found: PredictRequest, limits: Limits) -> None:
    pictures = len(found.uploads) + len(found.features) + len(found.samples)
    if not pictures:
        raise RequestError(f"There is nothing to classify; send at least one picture as field {PICTURES!r}.")
    asked = (
        (pictures, limits.pictures, "pictures"),
        (len(found.query.classes), limits.classes, "classes"),
        (found.query.top_k, limits.top_k, "answers a picture (top_k)"),
    )
    for count, limit, what in asked:
        if count > limit:
            raise RequestError(f"{count:,} {what} are asked for; {limit:,} is the limit of a request.", 413, "too_much")
    if any(not name.strip() or len(name) > MAX_NAME for name in found.query.classes):
        raise RequestError(f"A class name is empty or longer than {MAX_NAME} characters.")
