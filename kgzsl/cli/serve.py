"""``kgzsl serve``: a run over HTTP, with a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgzsl.cli.completion import ENGINES
from kgzsl.cli.last_run import last_run
from kgzsl.cli.several_values import ListOptionCommand

if TYPE_CHECKING:
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.features import FeatureSet

__all__ = ["register"]

HELP = """Serve a run over HTTP: a page for people at /, an API for programs at /api (described at /reference).

It listens on this machine alone unless --host says otherwise; then give a --token, which requests must carry as
Authorization: Bearer TOKEN. Classes that are added are kept in the run folder.

Where the run's backbone is not here, features and samples can be asked about: --samples names a feature file; by
default the shipped sample, where it is of the run's backbone.

Examples:

kgzsl serve runs/dgp

kgzsl serve runs/dgp --host 0.0.0.0 --port 8080 --token "$TOKEN"
"""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("serve", cls=ListOptionCommand, help=HELP)(serve_command)


def serve_command(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run folder; by default the one trained last.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    token: Annotated[
        str | None, typer.Option(envvar="KGZSL_TOKEN", help="What requests to the API must carry.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(metavar="ID_OR_FOLDER", help="The backbone; by default the one the run names.")
    ] = None,
    engine: Annotated[
        str,
        typer.Option(help="What computes the backbone: torch, or onnxruntime (CPU alone).", autocompletion=ENGINES),
    ] = "torch",
    samples: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Features that can be asked about without a picture.")
    ] = None,
    max_requests: Annotated[int, typer.Option(min=1, help="Requests at the same time; further ones must wait.")] = 64,
    max_bytes: Annotated[int, typer.Option(min=1, help="Bytes of one request.")] = 32 * 2**20,
) -> None:
    """Serve a run."""
    from kgzsl.classifier import ZeroShotClassifier
    from kgzsl.errors import InputFileError
    from kgzsl.serve import Limits, make_app, serve
    from kgzsl.serve.server import is_loopback

    if not is_loopback(host) and not token:
        raise InputFileError(
            f"Listening on {host} lets other machines ask; give --token (or KGZSL_TOKEN), or --host 127.0.0.1."
        )
    if run is None:
        run = last_run()
        typer.echo(f"run: {run}", err=True)
    classifier = ZeroShotClassifier.load(run)
    if backbone is not None or engine != "torch":
        from kgzsl.vision import load_backbone

        classifier.use_backbone(load_backbone(backbone or classifier.scorer.backbone, engine=engine))
    limits = Limits(requests=max_requests, body_bytes=max_bytes)
    app = make_app(classifier, limits=limits, token=token, samples=_samples(classifier, samples))
    serve(app, host, port, lambda address: typer.echo(f"serving {run} at {address} (Ctrl-C stops it)", err=True))


def _samples(classifier: ZeroShotClassifier, path: Path | None) -> FeatureSet | None:
    from kgzsl.features import FeatureSet
    from kgzsl.runtime import shipped_path

    if path is not None:
        return FeatureSet.load(path)
    shipped = FeatureSet.load(shipped_path("graphs", "sample/unseen.safetensors"))
    return shipped if shipped.backbone == classifier.scorer.backbone else None
