"""Which classes compete, and which images are scored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kgzsl.errors import GraphError, InputFileError, UnknownClassError
from kgzsl.evaluation.protocols import candidates, read_candidates, scored_images
from kgzsl.features import FeatureSet
from kgzsl.graph.class_graph import ClassGraph
from kgzsl.splits import Split


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("own", ("okapi", "puppy", "hammer")),
        ("unrelated", ("okapi", "hammer")),
        ("generalised", ("dog", "cat", "saw", "okapi", "hammer")),
        ("unseen", ("puppy", "okapi", "hammer", "person")),
        ("all", ("dog", "cat", "saw", "puppy", "okapi", "hammer", "person")),
        (["hammer", "dog"], ("hammer", "dog")),
    ],
)
def test_kinds(
    kind: str | list[str], expected: tuple[str, ...], images: FeatureSet, world: ClassGraph, split: Split
) -> None:
    assert candidates(kind, images, world, split) == expected


def test_ancestors_of_seen_classes_are_related(world: ClassGraph, split: Split, images: FeatureSet) -> None:
    from kgzsl.classes import ClassIndex

    labelled = FeatureSet(images.features[:2], images.labels[:2], ClassIndex(("animal", "okapi")), "toy")
    assert candidates("own", labelled, world, split) == ("animal", "okapi")
    assert candidates("unrelated", labelled, world, split) == ("okapi",)


def test_wrong_candidates_are_refused(images: FeatureSet, world: ClassGraph, split: Split) -> None:
    with pytest.raises(InputFileError, match="No candidates are called 'related'; choose one of own, unrelated"):
        candidates("related", images, world, split)
    with pytest.raises(UnknownClassError, match="'zebra' is not in graph 'world'"):
        candidates(["zebra"], images, world, split)
    with pytest.raises(GraphError, match="'okapi' stands twice in the candidate list"):
        candidates(["okapi", "okapi"], images, world, split)


def test_read_candidates(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("# birds\nn01\n\nn02\n")
    assert read_candidates("unseen") == "unseen"
    assert read_candidates(str(listed)) == ("n01", "n02")
    with pytest.raises(
        InputFileError, match="'related' are neither one of own, unrelated, generalised, unseen, all nor a file"
    ):
        read_candidates("related")
    listed.write_text("\n")
    with pytest.raises(InputFileError, match="is empty; write one class id a line"):
        read_candidates(str(listed))


def test_scored_images_are_those_of_candidates_by_class(images: FeatureSet, split: Split) -> None:
    kept = scored_images(images, ("hammer", "okapi"), split, "x")
    assert kept.class_ids() == ("okapi", "okapi", "hammer")


def test_no_image_left_says_what_was_found(images: FeatureSet, split: Split) -> None:
    with pytest.raises(
        InputFileError,
        match=r"No image of x is of one of the 1 candidates: its 6 images are of 4 classes, 1 of them seen and 3",
    ):
        scored_images(images, ("person",), split, "x")


def test_images_of_seen_classes_from_another_file(images: FeatureSet, split: Split) -> None:
    from dataclasses import replace

    from kgzsl.classes import ClassIndex
    from kgzsl.errors import BackboneMismatchError
    from kgzsl.evaluation.protocols import with_seen_images

    named = ClassIndex(("okapi", "cat", "dog"))
    others = replace(images, labels=torch.tensor([0, 1, 1, 2, -1, 1]), index=named)
    joined = with_seen_images(images, others, split)
    assert joined.class_ids() == ("okapi", "okapi", "puppy", "hammer", "cat", "cat", "dog", "cat")
    assert torch.equal(joined.features, torch.cat([images.features[:4], images.features[[1, 2, 3, 5]]]))
    with pytest.raises(InputFileError, match="None of the 2 images that are to stand for seen classes is of one"):
        with_seen_images(images, images.rows(torch.tensor([0, 1])), split)
    with pytest.raises(BackboneMismatchError, match=r"backbone 'toy' \(10-d\), those of seen classes from 'other'"):
        with_seen_images(images, replace(others, backbone="other"), split)
