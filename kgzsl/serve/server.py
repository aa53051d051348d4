"""Make the application of a run, and serve it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from kgzsl.errors import InputFileError, MissingDependencyError
from kgzsl.serve.limits import Limits

if TYPE_CHECKING:
    from fastapi import FastAPI

    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.features import FeatureSet

__all__ = ["is_loopback", "make_app", "serve"]

NEEDED = "The service needs FastAPI; install it with: pip install 'kgzsl[serve]'"


def make_app(
    classifier: ZeroShotClassifier,
    *,
    limits: Limits | None = None,
    token: str | None = None,
    samples: FeatureSet | None = None,
) -> FastAPI:
    """Return the application that serves a classifier.

    Args:
        classifier: the run that answers.
        limits: what a request may ask for.
        token: what requests below ``/api/`` must carry as ``Authorization: Bearer``; None lets everybody in.
        samples: features that can be asked about by name where nobody has a picture at hand.

    Raises:
        MissingDependencyError: FastAPI is not installed.
        BackboneMismatchError: the samples are of another backbone than the run's.
    """
    try:
        from kgzsl.serve.app import build_app
        from kgzsl.serve.service import Service
    except ImportError as error:
        raise MissingDependencyError(NEEDED) from error
    return build_app(Service(classifier, limits or Limits(), samples), token)


def serve(
    app: FastAPI, host: str = "127.0.0.1", port: int = 8000, tell: Callable[[str], object] = lambda address: None
) -> None:
    """Serve an application until it is stopped.

    Args:
        app: what `make_app` returned.
        host: where to listen; this machine alone by default.
        port: likewise; 0 takes a free one.
        tell: told the address once requests are answered.

    Raises:
        MissingDependencyError: uvicorn is not installed.
        InputFileError: the address is in use, or not this machine's.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise MissingDependencyError(NEEDED) from error
    with closing(_listener(host, port)) as listener:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/"
        config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_keep_alive=5)
        app.state.tell = lambda: tell(address)
        uvicorn.Server(config).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise InputFileError(
            f"Cannot listen on {host} port {port}: {error.strerror or error}. Choose another port (0 takes a free one)."
        ) from error


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise InputFileError(f"{host!r} is no address to listen on; give localhost, 0.0.0.0 or an address.") from error
