"""Labels as files: what each row of an exported head stands for."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from kgzsl.export.head import EnlargedHead
from kgzsl.runtime import write_json, write_text
from kgzsl.vision import Backbone

__all__ = ["LABELS", "write_label_table", "write_labels"]

LABELS = "labels.tsv"
COLUMNS = ("row", "class_id", "name", "seen", "source")


def write_label_table(head: EnlargedHead, folder: Path) -> None:
    """Write ``labels.tsv``: row, class id (empty where the row stands for no class), name, seen or not, source."""
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(COLUMNS)
    for number, row in enumerate(head.rows):
        table.writerow((number, row.class_id or "", row.label, "yes" if row.is_seen else "no", row.source))
    write_text(folder / LABELS, text.getvalue())


def write_labels(head: EnlargedHead, _backbone: Backbone | None, folder: Path) -> None:
    """Write ``labels.json``, one object a row; the table is written beside every export."""
    write_json(folder / "labels.json", [{"row": number, **row.to_json()} for number, row in enumerate(head.rows)])
