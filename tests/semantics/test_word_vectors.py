from __future__ import annotations

import pickle
import struct
from pathlib import Path

import pytest
import torch

from kgzsl.classes import ClassText
from kgzsl.errors import InputFileError, SemanticsError
from kgzsl.semantics import SemanticEncoder, WordVectors, embed_known
from kgzsl.semantics.word_vectors import word_file_form

pytest.importorskip("gensim", reason='needs pip install "kgzsl[word-vectors]"')

WORDS = {"polar": (1.0, 0.0, 0.0), "bear": (0.0, 1.0, 0.0), "Ursus": (0.0, 0.0, 2.0), "ice": (3.0, 4.0, 0.0)}


def glove(path: Path) -> Path:
    path.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in WORDS.items()), encoding="utf-8")
    return path


def word2vec_text(path: Path) -> Path:
    glove(path)
    path.write_text(f"{len(WORDS)} 3\n{path.read_text()}", encoding="utf-8")
    return path


def word2vec_binary(path: Path) -> Path:
    rows = b"".join(word.encode() + b" " + struct.pack("<3f", *row) + b"\n" for word, row in WORDS.items())
    path.write_bytes(f"{len(WORDS)} 3\n".encode() + rows)
    return path


FORMS = {"bare text": glove, "text": word2vec_text, "binary": word2vec_binary}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_mean_over_lemma_words(tmp_path: Path, form: str) -> None:
    path = FORMS[form](tmp_path / "vectors.txt")
    assert word_file_form(path) == form
    lines = {
        "n1": (ClassText("polar_bear.n.01", ("polar_bear", "Ursus_maritimus")),),
        "n2": (ClassText("ice.n.01", ("ice",)),),
        "n3": (ClassText("okapi.n.01", ("okapi",)),),
    }
    found = embed_known(lines, WordVectors(path), "lemmas")
    mean = torch.tensor([1.0, 1, 2]) / 3
    torch.testing.assert_close(
        found.select(["n2", "n1"]).vectors, torch.stack([torch.tensor([0.6, 0.8, 0]), mean / mean.norm()])
    )
    assert found.missing(["n1", "n2", "n3"]) == ("n3",)
    assert found.encoder.startswith("word-vectors/vectors@")
    assert found.text_form == "lemmas"


def test_words_are_taken_as_written_then_lower_then_in_parts(tmp_path: Path) -> None:
    vectors = WordVectors(glove(tmp_path / "v.txt"))
    assert list(vectors.words("Ursus Polar_bear, ice-bear ice-okapi xyz")) == [
        "Ursus",
        "polar",
        "bear",
        "ice",
        "bear",
        "ice",
    ]
    assert list(vectors.words("ursus")) == []


def test_word_vectors_are_an_encoder(tmp_path: Path) -> None:
    vectors = WordVectors(glove(tmp_path / "v.txt"))
    assert isinstance(vectors, SemanticEncoder)
    assert vectors.dim == 3
    torch.testing.assert_close(vectors.encode(["Ice", "bear"]), torch.tensor([[0.6, 0.8, 0], [0, 1, 0]]))
    with pytest.raises(SemanticsError, match=r"No word of 'okapi' is in v\.txt"):
        vectors.encode(["bear", "okapi"])
    with pytest.raises(SemanticsError, match=r"None of 1 classes has a word in word-vectors/v@"):
        embed_known({"n1": (ClassText("okapi.n.01"),)}, vectors, "lemmas")


def test_words_of_a_template_make_no_class_known(tmp_path: Path) -> None:
    vectors = WordVectors(glove(tmp_path / "v.txt"))
    bear, okapi = ClassText("bear", ("bear",), "of the ice"), ClassText("okapi", ("okapi",), "ice or not")
    lines = {"b": (bear,), "o": (okapi,)}
    unit = torch.nn.functional.normalize
    ice, found = torch.tensor([3.0, 4, 0]), embed_known(lines, vectors, "polar ice {name}")
    torch.testing.assert_close(found.vectors, unit(torch.tensor([[1.0, 1, 0]]) + ice))
    assert found.missing(["b", "o"]) == ("o",)
    both = embed_known(lines, vectors, "lemmas: definition")  # of the okapi the definition is known
    torch.testing.assert_close(both.vectors, torch.stack([unit(torch.tensor([0.0, 1, 0]) + ice, dim=0), ice / 5]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"a": 1}), "is pickled .*Write it as word2vec text with gensim's save_word2vec_format"),
        (bytes.fromhex("ba164f2f") + b"\0" * 8, r"is a fastText \.bin model; give the \.vec text file"),
        (b"PK\x03\x04", "is packed; unpack it"),
        (b"\x1f\x8b\x08", "is packed; unpack it"),
        (b"<html>not vectors</html>\n", "holds no word vectors: expected GloVe text"),
        (b"", "holds no word vectors"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=message):
        WordVectors(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = word2vec_binary(tmp_path / "v.bin")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputFileError, match=r"v\.bin is damaged or no word vector file"):
        _ = WordVectors(path).dim
    with pytest.raises(InputFileError, match=r"Could not read .*missing"):
        WordVectors(tmp_path / "missing")
