"""From a run and a folder of pictures to a backbone tuned to the run's classifiers; resumed where it was stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgzsl import __version__
from kgzsl.classes import ClassIndex
from kgzsl.errors import InputFileError, KgzslError
from kgzsl.export.folder import MANIFEST, check_place, staged_folder, write_manifest
from kgzsl.fine_tuning.adapters import ADAPTERS, merge_adapters
from kgzsl.fine_tuning.frozen_head import check_backbone, frozen_head, tunable_model
from kgzsl.fine_tuning.loop import Tuner
from kgzsl.fine_tuning.pictures import hold_out, of_seen_classes
from kgzsl.fine_tuning.tuned_folder import BACKBONE, RUN, write_backbone, write_run_of
from kgzsl.processes import Processes
from kgzsl.run_folder import RunFolder
from kgzsl.runtime import read_json, sha256_file, sha256_text, tensor_metadata
from kgzsl.training import Checkpoint
from kgzsl.tuning_settings import TuningSettings
from kgzsl.types import PathLike
from kgzsl.vision import Backbone, ImageFile, find_head, load_backbone

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["TuningJob", "fine_tune"]

log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True)
class TuningJob:
    """All that a fine-tuning is made from, in plain values that travel to other processes.

    Args:
        run: the run folder whose classifiers stand in the head.
        images: pictures; those of other classes than the run's seen ones are left out.
        out: the folder to write.
        backbone: folder or hub id of the run's backbone.
        backbone_id: the id it carries, where it is not the one its folder records.
        rows: which rows of the seen classes; see `kgzsl.fine_tuning.frozen_head.ROWS`.
        settings: how to optimise.
    """

    run: Path
    images: tuple[ImageFile, ...]
    out: Path
    backbone: str
    backbone_id: str | None = None
    rows: str = "predicted"
    settings: TuningSettings = field(default_factory=TuningSettings)

    @property
    def partial(self) -> Path:
        """Where checkpoints lie until the training has ended."""
        return self.out.with_name(self.out.name + ".partial")


def fine_tune(
    run: PathLike,
    images: Sequence[ImageFile],
    out: PathLike,
    *,
    backbone: str | None = None,
    backbone_id: str | None = None,
    rows: str = "predicted",
    settings: TuningSettings | None = None,
    processes: Processes | None = None,
    restart: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train a backbone so that the run's synthesized classifiers of the seen classes serve its features.

    Stopped at any time, the same call goes on from the last checkpoint in ``OUT.partial/``; a folder that holds the
    finished result of the same call is left as it is.

    Args:
        run: a run whose method makes linear classifiers.
        images: pictures with class ids; those of seen classes are trained on.
        out: a new folder, which gets ``backbone/`` and ``run/``; see `kgzsl.fine_tuning.tuned_folder`.
        backbone: folder or hub id of the run's backbone; by default the id that the run names.
        backbone_id: id of the backbone, instead of the one that its folder records.
        rows: ``predicted`` or ``hidden``.
        settings: how to optimise.
        processes: how many processes, where, in what precision.
        restart: begin anew where another fine-tuning was stopped.
        overwrite: replace a folder that holds another result.

    Returns:
        What the manifest says: id of the tuned backbone, settings, numbers of pictures, history.

    Raises:
        InputFileError: no picture is of a seen class, the run makes no linear classifiers, or a folder holds
            something else.
        BackboneMismatchError, BackboneError: the backbone is not the run's, or cannot be tuned.
        MissingDependencyError: Lightning Fabric or peft is not installed.
    """
    chosen, settings = processes or Processes(), settings or TuningSettings()
    opened = RunFolder(Path(run))
    job = TuningJob(
        opened.path,
        of_seen_classes(images, ClassIndex(opened.split.seen, "the seen classes")),
        Path(out),
        backbone or opened.seen_bank.backbone,
        backbone_id,
        rows,
        settings,
    )
    head = frozen_head(opened, rows, settings.scale)
    loaded = load_backbone(job.backbone, backbone_id=backbone_id)
    check_backbone(head, loaded)
    fingerprint = _fingerprint(job, loaded, chosen)
    if (done := _finished(job.out, fingerprint)) is not None:
        log.warning("%s holds the result of this fine-tuning already; nothing was trained anew", job.out)
        return done
    check_place(job.out, overwrite)
    _check_partial(job.partial, fingerprint, restart)
    found: dict[str, Any] = chosen.run(_tune, job, fingerprint, overwrite)
    return found


def _tune(fabric: Fabric, job: TuningJob, fingerprint: str, overwrite: bool) -> dict[str, Any]:
    """Train in one of the processes; the first one writes the result."""
    run, settings = RunFolder(job.run), job.settings
    head = frozen_head(run, job.rows, settings.scale)
    backbone = load_backbone(job.backbone, backbone_id=job.backbone_id)
    plain = tunable_model(head, backbone)
    _, layer = find_head(plain, len(head.labels))
    model = ADAPTERS[settings.adapters](plain, layer, settings.rank, settings.seed)
    index = ClassIndex(tuple(str(row.class_id) for row in head.rows), "the frozen head")
    train, held_out = hold_out(job.images, settings.held_out, settings.seed)
    checkpoint = Checkpoint(job.partial, fingerprint, settings.checkpoint_every)
    tuner = Tuner(fabric, model, backbone, index, train, held_out, settings, checkpoint)
    progress = tuner.run()
    facts = {
        "made": "fine-tuning",
        "fingerprint": fingerprint,
        "tuned_to": {"manifest_sha256": sha256_file(run.path / "manifest.json"), "rows": job.rows},
        "from_backbone": backbone.id,
        "scale": head.matching.scale,
        "settings": asdict(settings),
        "precision": str(fabric._precision.precision),
        "processes": fabric.world_size,
        "pictures": {"trained": len(train), "held_out": len(held_out)},
        "unread": tuner.num_unread(),
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "seconds": round(progress.seconds, 1),
        "history": progress.metrics,
    }
    if fabric.is_global_zero:
        facts |= _write(job, head, merge_adapters(model), backbone, facts, overwrite)
    fabric.barrier()
    return facts


def _write(
    job: TuningJob, head: Any, model: Any, backbone: Backbone, facts: dict[str, Any], overwrite: bool
) -> dict[str, Any]:
    """Write the folder whole, remove the checkpoints, and return what is known now."""
    with staged_folder(job.out, overwrite) as staged:
        written = write_backbone(model, backbone, staged / BACKBONE)
        named = {"backbone": written}
        write_run_of(RunFolder(job.run), head, written, staged / RUN, {**facts, **named})
        write_manifest(staged, {**facts, **named})
    shutil.rmtree(job.partial, ignore_errors=True)
    return named


def _fingerprint(job: TuningJob, backbone: Backbone, processes: Processes) -> str:
    """Digest all that decides the training; not the number of processes, which decides its rounding only."""
    digest = hashlib.sha256()
    for name, tensor in sorted(backbone.module.state_dict().items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    settings = {key: value for key, value in asdict(job.settings).items() if key != "checkpoint_every"}
    listing = [
        [image.name, image.class_id, image.path.stat().st_size if image.path.is_file() else -1] for image in job.images
    ]
    manifest = sha256_file(job.run / "manifest.json")
    parts = [__version__, manifest, job.rows, digest.hexdigest(), settings, listing, processes.precision, backbone.id]
    return sha256_text(json.dumps(parts))


def _finished(out: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return the manifest of a folder that holds the result of the same call."""
    if not (out / MANIFEST).is_file():
        return None
    try:
        content = read_json(out / MANIFEST)
    except KgzslError:
        return None
    same = isinstance(content, dict) and content.get("fingerprint") == fingerprint
    return {key: value for key, value in content.items() if key != "files"} if same else None


def _check_partial(partial: Path, fingerprint: str, restart: bool) -> None:
    if not (partial / CHECKPOINT).is_file():
        return
    if tensor_metadata(partial / CHECKPOINT).get("fingerprint") == fingerprint:
        if restart:
            (partial / CHECKPOINT).unlink(missing_ok=True)
        return
    if not restart:
        raise InputFileError(
            f"{partial} holds a fine-tuning that was stopped, with another run, other pictures or other settings. Give "
            "the same command again to finish it, begin anew with --restart, or name another --out."
        )
    (partial / CHECKPOINT).unlink(missing_ok=True)
