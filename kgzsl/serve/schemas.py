"""What requests and answers look like; the OpenAPI description is made of these."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AddClass", "Answer", "Candidate", "ExplainQuery", "Failure", "FeatureQuery", "Image", "Predicted", "Step"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FeatureQuery(_Strict):
    """A prediction for features or samples in place of pictures."""

    features: list[list[float]] = Field(default=[], description="Feature rows of the run's backbone.")
    samples: list[str] = Field(default=[], description="Names of samples; GET /api/samples lists them.")
    classes: list[str] = Field(default=[], description="Names or ids of the candidates; none: all classes of the run.")
    top_k: int = Field(default=5, ge=1, description="Answers for a picture.")
    include_person: bool = Field(default=False, description="Let classes of persons compete.")
    refuse: float | None = Field(
        default=None, gt=0, lt=1, description="Refuse what seems to be no candidate, at this rate of false alarms."
    )
    back_off: float | None = Field(
        default=None, gt=0, lt=1, description="Name the most specific class whose confidence reaches this level."
    )


class ExplainQuery(FeatureQuery):
    """An explanation for features or a sample in place of a picture."""

    target: str = Field(default="", max_length=200, description="The class to explain.")


class AddClass(_Strict):
    """A class to add."""

    name: str = Field(min_length=1, max_length=200, description="A noun, a synset name, an id, or a name of your own.")
    parents: list[str] = Field(default=[], max_length=20, description="What it is a kind of.")
    description: str = Field(default="", max_length=2000, description="What it is, in a sentence.")


class Step(BaseModel):
    """A class on the way to the nearest seen class."""

    class_id: str
    name: str
    direction: str = Field(description="start, up or down")


class Predicted(BaseModel):
    """A ranked class."""

    model_config = ConfigDict(extra="allow")

    class_id: str
    name: str
    score: float
    rank: int
    is_seen: bool
    semantics: str
    path: list[Step]


class Image(BaseModel):
    """The ranked classes of one picture."""

    model_config = ConfigDict(extra="allow")

    image: str
    predictions: list[Predicted]


class Answer(BaseModel):
    """The ranked classes of all pictures of a request."""

    results: list[Image]


class Candidate(BaseModel):
    """A class that a search found."""

    model_config = ConfigDict(extra="allow")

    class_id: str
    name: str = Field(description="Its unique name, such as okapi.n.01.")
    label: str
    path: str = Field(description="What is above it, nearest first.")
    in_run: bool
    is_seen: bool


class Failure(BaseModel):
    """Why a request was not answered."""

    error: dict[str, Any] = Field(description="code, message, and for an ambiguous class its candidates")
