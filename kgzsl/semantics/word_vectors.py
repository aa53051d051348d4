"""Word vectors (GloVe, word2vec, fastText) as class semantics: a text is the mean of its known words.

Of the text form ``lemmas``, which is their default, a class is the mean over the words of all its lemmas.

References:
    Pennington, Socher and Manning, "GloVe: Global Vectors for Word Representation", EMNLP 2014.
    Mikolov et al., "Distributed Representations of Words and Phrases and their Compositionality", NeurIPS 2013.
    Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL 2017.
    Averaging over lemma words: Wang, Ye and Gupta (GCNZ), CVPR 2018.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgzsl.errors import InputFileError, MissingDependencyError, SemanticsError
from kgzsl.runtime import progress, sha256_file
from kgzsl.types import Array, Float, PathLike, Tensor

__all__ = ["WordVectors", "word_file_form"]

FASTTEXT_MAGIC = bytes.fromhex("ba164f2f")
PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
SEPARATORS = re.compile(r"[\s_,;:()]+")


def word_file_form(path: PathLike) -> str:
    """Tell the form of a word vector file from its first bytes.

    Returns:
        ``binary`` (word2vec), ``text`` (word2vec text, fastText .vec: a first line ``words dim``), or ``bare text``
        (GloVe: no such line).

    Raises:
        InputFileError: the file is missing, pickled, packed, or none of these.
    """
    head = _head(path)
    if head.startswith(PICKLE):
        raise InputFileError(
            f"{path} is pickled (gensim's own format), and pickles are not read: opening one can run any program. "
            "Write it as word2vec text with gensim's save_word2vec_format."
        )
    if head.startswith(FASTTEXT_MAGIC):
        raise InputFileError(f"{path} is a fastText .bin model; give the .vec text file that is published beside it.")
    if head.startswith((b"PK", b"\x1f\x8b", b"BZh")):
        raise InputFileError(f"{path} is packed; unpack it and give the file with the vectors.")
    first, _, rest = head.partition(b"\n")
    if re.fullmatch(rb"\d+ \d+\s*", first):
        return "text" if _is_vector_line(rest.partition(b"\n")[0], int(first.split()[1])) else "binary"
    if _is_vector_line(first):
        return "bare text"
    raise InputFileError(
        f"{path} holds no word vectors: expected GloVe text, or word2vec text or binary, found {first[:40]!r}."
    )


def _head(path: PathLike) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(1 << 16)
    except OSError as error:
        raise InputFileError(f"Could not read {path}: {error.strerror or error}. Check the path.") from error


def _is_vector_line(line: bytes, dim: int | None = None) -> bool:
    """Say whether a line is a word and ``dim`` numbers (two or more where dim is not known)."""
    cells = line.split()
    try:
        numbers = [float(cell) for cell in cells[1:]]
    except ValueError:
        return False
    return len(numbers) == dim if dim is not None else len(numbers) >= 2


class WordVectors:
    """The vectors of a word vector file, read whole through gensim at the first use.

    Args:
        path: GloVe text, word2vec text or binary, fastText .vec.

    Raises:
        InputFileError: the file is missing or of another form.
        MissingDependencyError: gensim is not installed.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        self._form = word_file_form(path)

    @cached_property
    def id(self) -> str:
        """``word-vectors/`` and the file's name, ``@``, 12 hex digits of its sha256."""
        return f"word-vectors/{self.path.stem}@{sha256_file(self.path)[:12]}"

    @property
    def dim(self) -> int:
        """The semantic dimension S."""
        return int(self._vectors.vector_size)

    @cached_property
    def _vectors(self) -> Any:
        try:
            from gensim.models import KeyedVectors
        except ImportError as error:
            raise MissingDependencyError('Word vectors need gensim: pip install "kgzsl[word-vectors]".') from error
        options = {"binary": self._form == "binary", "no_header": self._form == "bare text"}
        try:
            with progress(f"reading {self.path.name}", 1) as advance, warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # gensim leaves the file of a bare text open
                vectors = KeyedVectors.load_word2vec_format(str(self.path), **options)
                advance()
        except (ValueError, EOFError, AssertionError, IndexError, OSError) as error:
            raise InputFileError(f"{self.path} is damaged or no word vector file ({error}); get it again.") from error
        return vectors

    def words(self, text: str) -> Iterator[str]:
        """Yield the words of a text as the file spells them: as written, else lower case, else split at hyphens."""
        known = self._vectors.key_to_index
        for word in filter(None, SEPARATORS.split(text)):
            whole = [form for form in (word, word.lower()) if form in known]
            yield from whole[:1] or (part for part in word.lower().split("-") if part in known)

    def knows(self, text: str) -> bool:
        """Say whether a word of a text is in the file."""
        return next(self.words(text), None) is not None

    def _mean(self, text: str) -> Array | None:
        """Return the unit mean vector of the known words of a text, or None where there is none."""
        if not (words := list(self.words(text))):
            return None
        mean: Array = np.stack([self._vectors[word] for word in words]).mean(axis=0, dtype=np.float64)
        length = float(np.linalg.norm(mean))
        return (mean / length).astype(np.float32) if length > 0 else None

    def encode(self, texts: Sequence[str]) -> Float[Tensor, "C S"]:
        """Return the unit mean vector of each text's known words.

        Raises:
            SemanticsError: a text has no known word.
        """
        vectors = []
        for text in texts:
            if (vector := self._mean(text)) is None:
                raise SemanticsError(
                    f"No word of {text!r} is in {self.path.name}; leave it out, or use another encoder."
                )
            vectors.append(torch.from_numpy(vector))
        return torch.stack(vectors) if vectors else torch.empty(0, self.dim)
