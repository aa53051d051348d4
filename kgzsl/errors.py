"""Every error kgzsl raises on purpose: one root, and leaves that are also the standard type.

A message says what was found, what was expected and what to do about it. The command line prints it in one
line and exits with code 2.
"""

from __future__ import annotations

__all__ = [
    "AdditionError",
    "AmbiguousClassError",
    "BackboneError",
    "BackboneMismatchError",
    "CorruptFileError",
    "GraphError",
    "InputFileError",
    "KgzslError",
    "MissingDependencyError",
    "MissingResourceError",
    "NotAvailableError",
    "NotFittedError",
    "RecipeError",
    "SemanticsError",
    "StorageError",
    "UnknownClassError",
    "UnknownVariantError",
]


class KgzslError(Exception):
    """Root of every error that kgzsl raises on purpose."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else type(self).__name__


class UnknownClassError(KgzslError, KeyError):
    """A class id or name that the graph, bank or index does not hold."""


class AmbiguousClassError(KgzslError, ValueError):
    """A name that could mean several classes; the message lists them."""


class GraphError(KgzslError, ValueError):
    """A class graph that is not one: a cycle, a dangling parent, a duplicate, mixed WordNet versions."""


class SemanticsError(KgzslError, ValueError):
    """Missing vectors, or vectors of another encoder than the one recorded."""


class BackboneError(KgzslError, ValueError):
    """A model that cannot serve as a backbone: no trained head, two heads, an unknown architecture."""


class BackboneMismatchError(KgzslError, ValueError):
    """Features of one backbone met a bank of another."""


class NotAvailableError(KgzslError, NotImplementedError):
    """Something that the run's method cannot do; the message lists the methods that can."""


class AdditionError(KgzslError, ValueError):
    """Classes that cannot be added, removed or renamed; the message lists every problem, and nothing was changed."""


class NotFittedError(KgzslError, RuntimeError):
    """A method was asked for classifiers before it was fitted."""


class RecipeError(KgzslError, ValueError):
    """A recipe with an unknown table, key or value."""


class UnknownVariantError(KgzslError, ValueError):
    """A method, network or objective that is not in its table; the message lists what is."""


class InputFileError(KgzslError, ValueError):
    """An input file or folder that is missing, empty or of the wrong form; the message gives its place."""


class CorruptFileError(KgzslError, ValueError):
    """A file of one of our formats that is truncated or damaged."""


class StorageError(KgzslError, OSError):
    """A write that failed (disk full, read-only folder); what stood there before is untouched."""


class MissingDependencyError(KgzslError, ImportError):
    """An optional package is not installed; the message gives the pip command."""


class MissingResourceError(KgzslError, LookupError):
    """A resource (WordNet, a text encoder, a shipped graph) is not on this machine; the message says how to get it."""
