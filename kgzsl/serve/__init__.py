"""Room 9, serve: a trained run over HTTP, with a page for people.

In: a `ZeroShotClassifier`, limits, a token where one is wanted. Out: a FastAPI application that predicts, searches,
adds and explains classes, and a server for it that listens on this machine alone unless told otherwise.

Every upload is untrusted: bytes, pixels, pictures and classes of a request are limited, as is what may wait; what does
not fit is answered with a 4xx or 503 and a sentence that says what to do.
"""

from kgzsl.serve.limits import Limits
from kgzsl.serve.server import make_app, serve

__all__ = ["Limits", "make_app", "serve"]
