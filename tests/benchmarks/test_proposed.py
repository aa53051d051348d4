"""The proposed splits: read as published, refused where they do not fit together."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from kgzsl.benchmarks import read_proposed
from kgzsl.benchmarks.matlab import HDF5, MOST_NUMBERS, MatlabFile
from kgzsl.errors import CorruptFileError, InputFileError, UnknownClassError
from kgzsl.graph.custom import from_pairs

PUBLISHED = {
    "APY": (32, 64, 20, 12, 5),
    "AWA1": (50, 85, 40, 10, 13),
    "AWA2": (50, 85, 40, 10, 13),
    "CUB": (200, 312, 150, 50, 50),
    "SUN": (717, 102, 645, 72, 65),
}
"""Classes, attributes, seen, unseen and validation classes after the paper's table."""


def test_classes_attributes_and_images_keep_their_names(make_published, zoo):
    benchmark = read_proposed(make_published())
    assert benchmark.name == "ZOO"
    assert (benchmark.split.seen, benchmark.split.unseen) == (zoo.seen, zoo.unseen)
    assert benchmark.attributes.index.ids == benchmark.graph.index.ids == zoo.classes
    expected = torch.from_numpy(zoo.splits["att"].T.astype(np.float32))
    assert torch.equal(benchmark.attributes.vectors, expected)
    parts = (("trainval", "trainval_loc"), ("test_seen", "test_seen_loc"), ("test_unseen", "test_unseen_loc"))
    for part, name in parts:
        images, rows = getattr(benchmark.images, part), zoo.splits[name].ravel().astype(int) - 1
        assert torch.equal(images.features, torch.from_numpy(zoo.images["features"].T[rows].astype(np.float32)))
        assert images.class_ids() == tuple(zoo.classes[label - 1] for label in zoo.labels[rows])
        assert images.backbone == "proposed-splits/res101"


def test_attributes_as_collected_can_be_chosen(make_published, zoo):
    benchmark = read_proposed(make_published(), attributes="original_att")
    assert torch.equal(benchmark.attributes.vectors, torch.from_numpy(zoo.splits["original_att"].T).float())
    with pytest.raises(InputFileError, match=r"one of att, original_att, standardised, found 'binary'"):
        read_proposed(make_published(), attributes="binary")


def test_standardised_attributes_are_in_standard_deviations(make_published, zoo):
    given = np.array(zoo.splits["original_att"])
    given[1] = 7.0  # says nothing, and must not become a division by zero
    found = read_proposed(make_published({"original_att": given}), attributes="standardised").attributes
    expected = (given - given.mean(axis=1)[:, None]) / np.array([given[0].std(), 1, given[2].std()])[:, None]
    np.testing.assert_allclose(found.vectors.numpy(), expected.T, atol=1e-6)
    assert found.text_form == "standardised"


def test_labels_may_lie_in_a_row(make_published, zoo):
    one = read_proposed(make_published(images={"labels": zoo.labels[None, :].astype(np.float64)}))
    assert one.images is not None and one.images.trainval.class_ids() == ("saw", "002.Zebra", "owl", "owl")


def test_without_features_the_lists_tell_seen_from_unseen(make_published, zoo):
    folder = make_published(without_images=("yes",), trainvalclasses=zoo.seen[::-1], testclasses=zoo.unseen)
    benchmark = read_proposed(folder)
    assert benchmark.images is None
    assert (benchmark.split.seen, benchmark.split.unseen) == (zoo.seen, zoo.unseen)
    (folder / "testclasses.txt").unlink()
    with pytest.raises(InputFileError, match=r"neither res101.mat nor trainvalclasses.txt"):
        read_proposed(folder)


def test_validation_classes_come_from_lists_or_from_val_loc(make_published):
    image_of_owl = {"val_loc": np.array([[4]])}
    assert read_proposed(make_published(image_of_owl)).validation == (("owl",),)
    folder = make_published(image_of_owl, valclasses1=("saw",), valclasses2=("owl", "002.Zebra"))
    benchmark = read_proposed(folder)
    assert benchmark.validation == (("saw",), ("002.Zebra", "owl"))
    assert benchmark.held_out(1).held_out == ("002.Zebra", "owl")
    (folder / "valclasses1.txt").write_text("okapi\n", encoding="utf-8")
    with pytest.raises(InputFileError, match=r"valclasses1.txt: class 'okapi' is not a seen class"):
        read_proposed(folder)


def test_a_given_graph_is_used(make_published, zoo):
    graph = from_pairs([(class_id, "thing") for class_id in zoo.classes])
    assert read_proposed(make_published(), graph=graph).graph is graph
    with pytest.raises(UnknownClassError, match="saw"):
        read_proposed(make_published(), graph=from_pairs([(class_id, "thing") for class_id in zoo.classes[:-1]]))


@pytest.mark.parametrize(
    "splits, images, message",
    [
        ({"trainval_loc": np.array([[0]])}, {}, r"trainval_loc holds 0; expected whole numbers from 1 to 10, the"),
        ({"trainval_loc": np.array([[11]])}, {}, r"trainval_loc holds 11; expected .* the number of images"),
        ({"trainval_loc": np.array([[1.5]])}, {}, r"trainval_loc holds 1.5"),
        ({"trainval_loc": np.ones((2, 2))}, {}, r"trainval_loc is no list of numbers, found 2 x 2 of double"),
        ({"trainval_loc": np.array([[1, 1]])}, {}, r"image 1 stands in trainval_loc and again in trainval_loc"),
        ({"test_seen_loc": np.array([[1]])}, {}, r"image 1 stands in trainval_loc and again in test_seen_loc"),
        ({"trainval_loc": np.array([[1, 3, 5, 8]])}, {}, r"image 8 stands in trainval_loc and again in test_uns"),
        ({"trainval_loc": np.array([[1, 3]])}, {}, r"'saw' has images in test_seen_loc but none in trainval_loc"),
        ({"test_unseen_loc": np.array([[7, 8, 9, 4]]), "trainval_loc": np.array([[1, 3, 5]])}, {}, r"'owl' has im"),
        ({"att": np.ones((3, 4))}, {}, r"att is 3 x 4; expected attributes x 5 classes"),
        ({"att": np.array([["a"]])}, {}, r"att is no matrix of numbers, found .* of char"),
        ({"att": np.full((3, 5), np.nan)}, {}, r"att\(1, 1\) is not finite"),
        ({"att": None}, {}, r"holds no 'att'; it holds allclasses_names, original_att"),
        ({"allclasses_names": np.ones((5, 1))}, {}, r"no cell array of texts, found 5 x 1 of double"),
        ({}, {"labels": np.array([[1, 2, 6]])}, r"labels holds 6; expected whole numbers from 1 to 5"),
        ({}, {"labels": np.array([[1, 2, 3]])}, r"features are 4 x 10 and there are 3 labels; expected an image a col"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make_published, splits, images, message):
    with pytest.raises(InputFileError, match=message):
        read_proposed(make_published(splits, images))


def test_names_must_be_texts_without_repetition(make_published):
    numbers = np.empty((5, 1), dtype=object)
    numbers[:, 0] = [1.0, 2.0, 3.0, 4.0, 5.0]
    with pytest.raises(InputFileError, match="cell 1 of allclasses_names holds no text"):
        read_proposed(make_published({"allclasses_names": numbers}))
    numbers[:, 0] = ["owl", "saw", "owl", "a", "b"]
    with pytest.raises(InputFileError, match="'owl' stands twice in allclasses_names"):
        read_proposed(make_published({"allclasses_names": numbers}))


def test_lists_and_images_must_agree(make_published, zoo):
    folder = make_published(trainvalclasses=(*zoo.seen, "okapi"), testclasses=("killer+whale",))
    with pytest.raises(InputFileError, match=r"trainvalclasses.txt and the images disagree about 1 classes \('okapi'"):
        read_proposed(folder)


def test_files_that_are_not_of_the_form_are_named(make_published, tmp_path):
    folder = make_published()
    with pytest.raises(InputFileError, match=r"Could not read .*none.mat: No such file"):
        read_proposed(folder, splits_file="none.mat")
    newer = b"MATLAB 7.3 MAT-file".ljust(512) + HDF5 + bytes(100)
    (folder / "new.mat").write_bytes(newer)
    with pytest.raises(InputFileError, match=r"version 7.3 \(HDF5\).*save\(..., '-v7'\).*scipy.io.savemat"):
        read_proposed(folder, splits_file="new.mat")
    (folder / "text.mat").write_text("hello " * 100)
    with pytest.raises(InputFileError, match=r"is no MATLAB file of version 5 to 7"):
        read_proposed(folder, splits_file="text.mat")


def test_an_array_that_promises_too_much_is_not_read(make_published, monkeypatch):
    file = MatlabFile.open(make_published() / "res101.mat")
    bomb = MatlabFile(file.path, {"features": (MOST_NUMBERS, 2)}, {"features": "double"})
    with pytest.raises(InputFileError, match=r"more than 1,000,000,000 are not read"):
        bomb.matrix("features")


def test_a_damaged_file_is_never_a_traceback(make_published):
    folder = make_published()
    whole = (folder / "att_splits.mat").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(whole[: rng.integers(128, len(whole))] if rng.random() < 0.5 else whole)
        for place in rng.integers(128, len(content), size=3):
            content[place] = rng.integers(256)
        (folder / "att_splits.mat").write_bytes(bytes(content))
        try:
            read_proposed(folder)
        except (InputFileError, CorruptFileError) as error:
            assert "att_splits.mat" in str(error)


@pytest.mark.assets
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_files_are_read(assets, name):
    benchmark = read_proposed(assets / "attributes" / "gbu" / name)
    classes, attributes, seen, unseen, validation = PUBLISHED[name]
    assert (len(benchmark.graph.index), benchmark.attributes.dim) == (classes, attributes)
    assert (len(benchmark.split.seen), len(benchmark.split.unseen)) == (seen, unseen)
    assert [len(held_out) for held_out in benchmark.validation] == [validation] * 3
    torch.testing.assert_close(benchmark.attributes.vectors.norm(dim=1), torch.ones(classes))


IMAGES = {
    "APY": (5_932, 1_483, 7_924),
    "AWA1": (19_832, 4_958, 5_685),
    "AWA2": (23_527, 5_882, 7_913),
    "CUB": (7_057, 1_764, 2_967),
    "SUN": (10_320, 2_580, 1_440),
}
"""Images to learn from, of seen and of unseen classes to test, after the paper's table."""


@pytest.mark.assets
@pytest.mark.parametrize("name", IMAGES)
def test_published_splits_fit_features_made_in_the_published_form(assets, name, tmp_path):
    """Labels are made up: those of each set of images go round its classes."""
    from scipy.io import loadmat, savemat

    folder = tmp_path / name
    shutil.copytree(assets / "attributes" / "gbu" / name, folder)
    splits = loadmat(folder / "att_splits.mat")
    known = read_proposed(folder)
    rows = {part: splits[part].ravel().astype(int) for part in ("trainval_loc", "test_seen_loc", "test_unseen_loc")}
    labels = np.ones(max(map(max, rows.values())), dtype=np.float64)
    for part, numbers in rows.items():
        ids = known.split.unseen if part == "test_unseen_loc" else known.split.seen
        labels[numbers - 1] = 1 + np.resize(known.graph.index.rows(ids), len(numbers))
    features = np.stack([labels, np.arange(1, len(labels) + 1), np.zeros(len(labels))])
    savemat(folder / "res101.mat", {"features": features, "labels": labels[:, None]})
    images = read_proposed(folder).images
    assert images is not None
    assert (len(images.trainval), len(images.test_seen), len(images.test_unseen)) == IMAGES[name]
    for part, kept in zip(rows, (images.trainval, images.test_seen, images.test_unseen)):
        assert kept.features[:, 1].tolist() == rows[part].tolist()  # each image kept its number and its label
        assert torch.equal(kept.features[:, 0].long() - 1, kept.labels)


@pytest.mark.assets
def test_published_attributes_of_birds_are_those_of_the_table(assets):
    from kgzsl.semantics import read_attributes

    published = read_proposed(assets / "attributes" / "gbu" / "CUB", attributes="original_att").attributes
    table = read_attributes(assets / "attributes" / "cub.tsv")
    torch.testing.assert_close(published.select(table.index.ids).vectors, table.vectors, atol=0.006, rtol=0)
