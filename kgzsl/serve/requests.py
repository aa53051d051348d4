"""Read what a client asks: pictures as a form, features and samples as JSON; everything is checked against limits."""

from __future__ import annotations

from collections.abc import Sequence
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

__all__ = ["Asked", "body_of", "read_request"]

JSON_TYPE, FORM_TYPE = "application/json", "multipart/form-data"
PICTURES = "pictures"
MAX_NAME = 200

FIELD_SCHEMAS: dict[str, Any] = {
    PICTURES: {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1},
    "classes": {"type": "array", "items": {"type": "string"}, "description": "Names or ids, one a field."},
    "top_k": {"type": "integer", "minimum": 1, "default": 5},
    "include_person": {"type": "boolean", "default": False},
    "refuse": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "back_off": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "target": {"type": "string", "description": "The class to explain."},
}


def body_of(model: type[FeatureQuery]) -> dict[str, Any]:
    """Return the two forms of a request, pictures as a form or the model as JSON, for the OpenAPI description."""
    kept = {name: schema for name, schema in FIELD_SCHEMAS.items() if name in (PICTURES, *model.model_fields)}
    form = {"type": "object", "required": [PICTURES], "properties": kept, "additionalProperties": False}
    return {
        "required": True,
        "content": {FORM_TYPE: {"schema": form}, JSON_TYPE: {"schema": model.model_json_schema()}},
    }


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: classes, one of pictures, feature rows and names of samples, and the class to explain."""

    query: Query
    uploads: tuple[Upload, ...] = ()
    features: tuple[tuple[float, ...], ...] = ()
    samples: tuple[str, ...] = ()
    target: str = ""


async def read_request(request: Request, limits: Limits, model: type[FeatureQuery]) -> Asked:
    """Return what a request asks for.

    Args:
        request: pictures as a form, or JSON.
        limits: what it may ask for.
        model: what may stand in it.

    Raises:
        RequestError: it is of a wrong media type, asks for nothing, for two things, or for more than the limits allow.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == JSON_TYPE:
        found = _of_json(await request.body(), model)
    elif kind == FORM_TYPE:
        found = await _of_form(request, limits, model)
    else:
        raise RequestError(
            f"Send pictures as {FORM_TYPE}, or features as {JSON_TYPE}; found {kind or 'no content type'!r}.",
            415,
            "wrong_media_type",
        )
    _check(found, limits)
    return found


def _of_json(body: bytes, model: type[FeatureQuery]) -> Asked:
    try:
        asked = model.model_validate_json(body)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors(include_url=False)]
        raise RequestError("; ".join(told[:5])) from error
    if asked.features and asked.samples:
        raise RequestError("Send features or samples: one of the two.")
    query = Query(tuple(asked.classes), asked.top_k, asked.include_person, asked.refuse, asked.back_off)
    return Asked(query, (), tuple(map(tuple, asked.features)), tuple(asked.samples), getattr(asked, "target", ""))


async def _of_form(request: Request, limits: Limits, model: type[FeatureQuery]) -> Asked:
    fields = limits.classes + len(FIELD_SCHEMAS)
    try:
        form = await request.form(max_files=limits.pictures, max_fields=fields, max_part_size=limits.body_bytes)
    except HTTPException as error:  # what starlette makes of a form that it cannot read
        if str(error.detail).startswith("Too many"):
            raise RequestError(str(error.detail), 413, "too_much") from error
        raise RequestError(f"The form could not be read: {error.detail}") from error
    try:
        return await _of_fields(form, [name for name in FIELD_SCHEMAS if name in model.model_fields])
    finally:
        await form.close()


async def _of_fields(form: FormData, fields: Sequence[str]) -> Asked:
    if strange := sorted(set(form) - {PICTURES, *fields}):
        raise RequestError(f"There is no field {strange[0]!r}; there are {PICTURES}, {', '.join(fields)}.")
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
    levels = {name: _share(name, form[name]) for name in ("refuse", "back_off") if name in form}
    query = Query(tuple(classes), _whole(form.get("top_k", "5")), person == "true", **levels)
    return Asked(query, tuple(uploads), target=str(form.get("target", ""))[:MAX_NAME])


def _whole(text: Any) -> int:
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise RequestError(f"top_k is a whole number of at least 1, found {str(text)[:50]!r}.")
    return int(text)


def _share(name: str, text: Any) -> float:
    try:
        share = float(text if isinstance(text, str) else "")
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise RequestError(f"{name} is a number between 0 and 1, found {str(text)[:50]!r}.")
    return share


def _check(found: Asked, limits: Limits) -> None:
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
