"""The README of an export: what it holds, in which order, and how it is loaded; written from its facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kgzsl.runtime import write_text

__all__ = ["LOADING", "matching_line", "write_card"]

SHOWN = 50

LOADING = {
    "transformers": """from transformers import pipeline

classify = pipeline("image-classification", "THIS_FOLDER")
classify("photo.jpg", top_k=5)""",
    "state-dict": """import torch
from safetensors.torch import load_file

model.HEAD = torch.nn.Linear({dim}, {rows})  # the linear head of your model, under its own name
model.load_state_dict(load_file("THIS_FOLDER/model.safetensors"))""",
    "safetensors": """import torch
from safetensors.torch import load_file

head = torch.nn.Linear({dim}, {rows})
head.load_state_dict(load_file("THIS_FOLDER/head.safetensors"))""",
    "onnx": """import onnxruntime

session = onnxruntime.InferenceSession("THIS_FOLDER/model.onnx")
(logits,) = session.run(None, {{"pixel_values": pixels}})  # (N, 3, H, W); preprocessing.json says how they are made""",
    "onnx-head": """import onnxruntime

session = onnxruntime.InferenceSession("THIS_FOLDER/head.onnx")
(logits,) = session.run(None, {{"features": features}})  # (N, {dim}), what enters the head of the backbone""",
    "labels": """import json

labels = [row["name"] for row in json.load(open("THIS_FOLDER/labels.json", encoding="utf-8"))]""",
}
"""How each format is loaded."""

TEXT = """# An image classifier with {new} new classes

The head of `{backbone}` with rows for {new} classes of which it has seen no image, made by
[kgzsl](https://pypi.org/project/kgzsl/) from what the classes mean. Rows 0 to {last_old} are those of the old head,
unchanged; rows {first_new} to {last} are new. `labels.tsv` says what each row stands for.

```python
{loading}
```

New rows were matched to the old ones: {matching}. The terms of the model that the old rows come from still hold.

| row | class id | name |
|---|---|---|
{table}
"""


def write_card(facts: Mapping[str, Any], dim: int, folder: Path) -> None:
    """Write ``README.md`` from the facts of an export.

    Args:
        facts: what `kgzsl.export.Export` tells of itself.
        dim: the feature dimension.
        folder: where.
    """
    new, rows = facts["new"], facts["rows"]
    shown = [f"| {row['row']} | {row['class_id']} | {row['name'].replace('|', chr(92) + '|')} |" for row in new[:SHOWN]]
    if len(new) > SHOWN:
        shown.append(f"| | | and {len(new) - SHOWN:,} more |")
    loading = LOADING[facts["format"]]
    text = TEXT.format(
        new=len(new),
        backbone=facts["backbone"],
        last_old=facts["old_rows"] - 1,
        first_new=facts["old_rows"],
        last=rows - 1,
        loading=loading.format(dim=dim, rows=rows),
        matching=matching_line(facts["matching"]),
        table="\n".join(shown),
    )
    write_text(folder / "README.md", text)


def matching_line(matching: Mapping[str, Any]) -> str:
    """Return in words how new rows were scaled and shifted."""
    scaled = f"times {matching['scale']:.3g}, bias {matching['shift']:+.3g}"
    told = {
        "none": "not at all, they are as they were predicted",
        "norm": f"{scaled}, to the length of the old rows",
        "logits": f"{scaled}, to logits with the mean and deviation of the old ones (no image was looked at)",
    }
    if matching["how"] in told:
        return told[matching["how"]]
    calibrated = f"{scaled}, calibrated on images of seen classes"
    if matching["lost"] is None:
        return f"{calibrated}; what so many new classes lose and find was not measured"
    return (
        f"{calibrated}, of which {matching['lost']:.1f} % are expected to be lost to new classes, while "
        f"{matching['found']:.0f} % of the new classes' images are expected to be found"
    )
