"""``kgzsl extract``: pictures to features, and a classifier's head to a bank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgzsl.cli.completion import DEVICES, ENGINES, GRAPHS
from kgzsl.cli.given_images import by_class_id

if TYPE_CHECKING:
    from kgzsl.vision import Backbone

__all__ = ["register"]

HELP = """Extract features of pictures before a classifier's head, and the head itself as a bank.

A stopped run goes on where it was when the same command is given again. Pictures that cannot be read are left out and
listed in OUT.skipped.tsv.

Examples:

kgzsl extract photos/ --backbone google/mobilenet_v2_1.0_224 --out photos.safetensors

kgzsl extract photos/ --backbone my-model --engine onnxruntime --out photos.safetensors

kgzsl extract --backbone my-model --labels labels.tsv --head-out head.safetensors
"""

Images = Annotated[
    Path | None,
    typer.Argument(
        help="A folder of pictures (sub-folders are classes, by id or name), a list (path, tab, class), or one picture."
    ),
]
BackboneName = Annotated[
    str, typer.Option("--backbone", help="Folder or hub id of an image classifier that transformers loads.")
]
BackboneId = Annotated[
    str | None, typer.Option(help="Id that features and banks carry, instead of the one the folder records.")
]
Out = Annotated[Path | None, typer.Option(help="Feature file to write.")]
HeadOut = Annotated[Path | None, typer.Option(help="Write the classifier's head as the bank of its seen classes.")]
Labels = Annotated[
    str, typer.Option(help="How the head's labels mean classes: auto, imagenet, names, or a CSV/TSV table.")
]
Graph = Annotated[
    str,
    typer.Option(
        help="Class graph of the head's labels and the pictures' classes: a name or a folder.", autocompletion=GRAPHS
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", autocompletion=DEVICES)]
Engine = Annotated[
    str,
    typer.Option(
        help="What computes the features: torch, or onnxruntime, quicker on many CPUs; made ready once a model.",
        autocompletion=ENGINES,
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Pictures a batch; a stopped run goes on with the same size only.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads that decode; one a core by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print a report for programs.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("extract", help=HELP)(extract)


def extract(
    backbone: BackboneName,
    images: Images = None,
    backbone_id: BackboneId = None,
    out: Out = None,
    head_out: HeadOut = None,
    labels: Labels = "auto",
    graph: Graph = "imagenet21k",
    device: Device = "auto",
    engine: Engine = "torch",
    batch_size: BatchSize = 32,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Extract features, and the head."""
    from kgzsl.errors import InputFileError
    from kgzsl.runtime import choose_device
    from kgzsl.vision import extract_features, list_images, load_backbone

    if (images is None) != (out is None) or (images is None and head_out is None):
        raise InputFileError("Give pictures together with --out, or --head-out, or both.")
    # a wrong path or name shall not wait for the model
    listed = None if images is None else by_class_id(list_images(images), images, graph)
    place = choose_device("cpu" if (engine, device) == ("onnxruntime", "auto") else device)
    classifier = load_backbone(backbone, backbone_id=backbone_id, device=place, engine=engine)
    report: dict[str, Any] = {"backbone": classifier.id, "dim": classifier.dim}
    if head_out is not None:
        report["head"] = _write_head(classifier, head_out, labels, graph)
    if listed is not None and out is not None:
        done = extract_features(listed, classifier, out, batch_size=batch_size, workers=workers)
        report |= {"out": str(done.out), "num_images": done.num_images, "seconds": round(done.seconds, 2)}
        report["skipped"] = [{"path": name, "reason": reason} for name, reason in done.skipped]
        report["resumed_batches"] = done.resumed
    typer.echo(json.dumps(report, indent=2, ensure_ascii=False) if as_json else _as_text(report))


def _write_head(classifier: Backbone, path: Path, labels: str, graph: str) -> dict[str, Any]:
    linking = classifier.linking(labels, graph)
    bank = classifier.seen_bank(linking)
    bank.save(path)
    return {"out": str(path), "num_classes": len(bank.index), "linked_by": linking.how}


def _as_text(report: dict[str, Any]) -> str:
    lines = [f"Backbone {report['backbone']} ({report['dim']}-d)"]
    if head := report.get("head"):
        lines.append(f"{head['out']}: {head['num_classes']} classes of the head, linked by {head['linked_by']}")
    if "out" in report:
        lines.append(f"{report['out']}: features of {report['num_images']} pictures in {report['seconds']} s")
        if report["resumed_batches"]:
            lines.append(f"{report['resumed_batches']} batches were finished by an earlier run")
        if skipped := report["skipped"]:
            lines.append(f"{len(skipped)} pictures could not be read (all in {report['out']}.skipped.tsv):")
            lines += [f"  {bad['path']}: {bad['reason']}" for bad in skipped[:10]]
    return "\n".join(lines)
