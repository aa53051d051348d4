"""WordNet 3.0 through nltk: the graph of all nouns, and definitions on demand. The only module that imports nltk.

A class id (wnid) is ``n`` and the eight-digit offset of a synset in WordNet 3.0's ``data.noun``. Other versions have
other offsets and are refused. Definitions stay in memory; they are never written to a graph folder.
"""

from __future__ import annotations

import functools
import gc
import io
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kgzsl.classes import ClassIndex, ClassText
from kgzsl.errors import CorruptFileError, GraphError, InputFileError, MissingResourceError, UnknownClassError
from kgzsl.graph.class_graph import HYPERNYM, INSTANCE, PERSON_MARK, ClassGraph
from kgzsl.types import ClassId, PathLike

__all__ = [
    "PERSON",
    "VERSION",
    "WordNet",
    "definitions",
    "find_wordnet",
    "is_wnid",
    "noun_graph",
    "open_wordnet",
    "with_definitions",
]

VERSION = "3.0"
PERSON = "n00007846"
"""person.n.01; it and all below it carry the mark ``person``."""

DEBIAN_FOLDER = Path("/usr/share/wordnet")
NLTK_RESOURCES = ("corpora/wordnet", "corpora/wordnet.zip/wordnet/")
LEXNAMES = (
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition "
    "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person "
    "noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state "
    "noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition "
    "verb.consumption verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social "
    "verb.stative verb.weather adj.ppl"
)
"""WordNet's 45 source files in the order of their numbers; Debian's package lacks the table."""
SPEECH_NUMBERS = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class WordNet:
    """WordNet 3.0, opened with `open_wordnet`.

    Args:
        reader: nltk's reader of it.
    """

    reader: Any

    def text(self, class_id: ClassId) -> ClassText:
        """Return name, lemmas and definition of a noun synset.

        Raises:
            UnknownClassError: no noun synset has this id.
        """
        synset = None
        if is_wnid(class_id):
            with _reading():
                synset = self.reader.synset_from_pos_and_offset("n", int(class_id[1:]))
        if synset is None:
            raise UnknownClassError(
                f"WordNet {VERSION} has no noun synset {class_id!r}; an id is n and eight digits, such as n02439398."
            )
        return _text(synset)

    def texts(self, class_ids: Iterable[ClassId]) -> dict[ClassId, ClassText]:
        """Return the texts of those of the classes that WordNet has."""
        found: dict[ClassId, ClassText] = {}
        for class_id in class_ids:
            try:
                found[class_id] = self.text(class_id)
            except UnknownClassError:
                logger.debug("WordNet has no synset %s", class_id)
        return found

    def noun_graph(self) -> ClassGraph:
        """Return the graph of all noun synsets, ordered by id, with hypernym and instance edges.

        Edges are ordered by child, then parent. `PERSON` and what is below it is marked ``person``.
        """
        with _reading(), _no_collection():
            synsets = sorted(self.reader.all_synsets("n"), key=lambda synset: int(synset.offset()))
            rows = {synset.offset(): row for row, synset in enumerate(synsets)}
            edges = sorted(
                (row, rows[parent.offset()], relation)
                for row, synset in enumerate(synsets)
                for relation, parents in (
                    (HYPERNYM, synset.hypernyms()),
                    (INSTANCE, synset.instance_hypernyms()),
                )
                for parent in parents
            )
            texts = tuple(_text(synset) for synset in synsets)
        table = np.array(edges, dtype=np.int64).reshape(-1, 3)  # (E, 3)
        ids = tuple(_wnid(synset) for synset in synsets)
        marks = {PERSON_MARK: frozenset(ids[row] for row in _below(edges, ids.index(PERSON)))} if PERSON in ids else {}
        provenance = {"wordnet": VERSION, "induce": "full", "command": "kgzsl graph build"}
        index = ClassIndex(ids, "graph 'wordnet-nouns'")
        return ClassGraph("wordnet-nouns", index, texts, table[:, :2], table[:, 2], marks, provenance)


def _below(edges: Iterable[tuple[int, int, int]], row: int) -> set[int]:
    """Return a row and all rows below it."""
    children: dict[int, list[int]] = {}
    for child, parent, _ in edges:
        children.setdefault(parent, []).append(child)
    found, stack = {row}, [row]
    while stack:
        new = [child for child in children.get(stack.pop(), ()) if child not in found]
        found.update(new)
        stack.extend(new)
    return found


def is_wnid(class_id: str) -> bool:
    """Tell whether an id has the form of a WordNet noun id: ``n`` and eight digits.

    Example:
        >>> is_wnid("n02439398"), is_wnid("okapi")
        (True, False)
    """
    return re.fullmatch(r"n[0-9]{8}", class_id) is not None


def _wnid(synset: Any) -> ClassId:
    return f"n{synset.offset():08d}"


def _text(synset: Any) -> ClassText:
    return ClassText(synset.name(), tuple(synset.lemma_names()), synset.definition() or None)


@contextmanager
def _reading() -> Iterator[None]:
    """Turn what nltk raises over damaged files into a CorruptFileError, and hold its warnings back.

    nltk warns that it has no multilingual files, and returns None with a warning for an offset without a synset.
    """
    from nltk.corpus.reader.wordnet import WordNetError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (WordNetError, ValueError, AssertionError, LookupError, AttributeError, OSError) as error:
        if isinstance(error, UnknownClassError):
            raise
        raise CorruptFileError(
            f"WordNet's files are damaged ({type(error).__name__}: {error}); install them again."
        ) from error


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause garbage collection: looking through the millions of objects that nltk makes costs a third."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def open_wordnet(folder: PathLike | None = None, *, download: bool = False) -> WordNet:
    """Open WordNet 3.0: the given folder, else nltk's data path, else Debian's ``/usr/share/wordnet``.

    Args:
        folder: a folder with ``data.noun`` and ``index.noun``, or one above it (``dict/``, ``corpora/wordnet/``).
        download: let nltk download WordNet where it is nowhere to be found.

    Raises:
        MissingResourceError: WordNet is not on this machine, or the download failed.
        InputFileError: the given folder holds no WordNet.
        GraphError: it is another version than 3.0.
        CorruptFileError: its files are damaged.
    """
    root = _given(Path(folder)) if folder is not None else find_wordnet()
    if root is None and download:
        root = _downloaded()
    if root is None:
        raise MissingResourceError(
            "WordNet 3.0 is not on this machine (looked on nltk's data path and in /usr/share/wordnet). Get it with "
            "`python -m nltk.downloader wordnet` (or --download), or on Debian and Ubuntu with "
            "`apt-get install wordnet-base`, or name its folder with --wordnet."
        )
    return WordNet(_open_reader(root))


def _given(folder: Path) -> str:
    for below in ("", "dict", "corpora/wordnet", "wordnet"):
        if (folder / below / "data.noun").is_file():
            return _allowed(folder / below)
    raise InputFileError(f"{folder} holds no WordNet: there is no data.noun in it. Check the path.")


def _allowed(folder: Path) -> str:
    """Put a folder on nltk's data path: nltk 3.10 and later read nothing outside it, nor through links out of it."""
    import nltk

    resolved = str(folder.resolve())
    if resolved not in nltk.data.path:
        nltk.data.path.append(resolved)
    return resolved


def find_wordnet() -> Any | None:
    """Return where WordNet lies on this machine, as nltk names places, or None; its version is not looked at."""
    import nltk

    for resource in NLTK_RESOURCES:
        try:
            return nltk.data.find(resource)
        except (LookupError, OSError, ValueError):
            continue
    return _allowed(DEBIAN_FOLDER) if (DEBIAN_FOLDER / "data.noun").is_file() else None


def _downloaded() -> Any | None:
    import nltk

    logger.info("Downloading WordNet 3.0 with nltk")
    if not nltk.download("wordnet", quiet=True):
        raise MissingResourceError(
            "nltk could not download WordNet (no network?). On Debian and Ubuntu `apt-get install wordnet-base` has it "
            "too; a folder from elsewhere can be named with --wordnet."
        )
    return find_wordnet()


@functools.cache
def _reader_class() -> type:
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class Reader(WordNetCorpusReader):  # type: ignore[misc]
        """nltk's reader, able to read WordNet as Debian packs it: without ``lexnames`` and ``index.sense``."""

        def open(self, file: str) -> Any:
            """Serve a file from memory: WordNet is ASCII, so offsets in the text are those in the file."""
            if file == "lexnames":
                return io.StringIO(_lexnames())
            with super().open(file) as stream:
                text = stream.read()
            return io.StringIO(text) if text.isascii() else super().open(file)

        def map_wn(self, version: str = "wordnet") -> None:
            """Map no versions onto each other; that is what ``index.sense`` would be for."""

    return Reader


def _lexnames() -> str:
    """Return the table ``lexnames``: number, name, number of the part of speech."""
    return "".join(
        f"{number:02d}\t{name}\t{SPEECH_NUMBERS[name.split('.')[0]]}\n" for number, name in enumerate(LEXNAMES.split())
    )


def _open_reader(root: Any) -> Any:
    with _reading(), _no_collection():
        reader = _reader_class()(root, None)
        with reader.open("data.noun") as file:
            header = "".join(line for line, _ in zip(file, range(30)) if line.startswith(" "))
    found = re.search(r"WordNet (\d+\.\d+) Copyright", header)
    version = found.group(1) if found else "of no stated version"
    if version != VERSION:
        raise GraphError(
            f"Expected WordNet {VERSION}, found WordNet {version}: class ids are offsets in {VERSION} and mean other "
            "synsets elsewhere. Get 3.0 with `python -m nltk.downloader wordnet`."
        )
    return reader


@functools.lru_cache(maxsize=2)
def _shared(folder: str | None) -> WordNet:
    return open_wordnet(folder)


def noun_graph(folder: PathLike | None = None, *, download: bool = False) -> ClassGraph:
    """Return the graph of all WordNet 3.0 nouns, with definitions in memory; errors as `open_wordnet`."""
    return open_wordnet(folder, download=download).noun_graph()


def definitions(
    class_ids: Iterable[ClassId], folder: PathLike | None = None, *, required: bool = False
) -> dict[ClassId, str]:
    """Look up the definitions of classes, where WordNet is installed.

    Args:
        class_ids: any ids; those that are not WordNet's are left out of the answer.
        folder: where WordNet is, see `open_wordnet`.
        required: raise where WordNet is not installed, instead of returning nothing.

    Raises:
        MissingResourceError: WordNet is not on this machine and ``required`` is set.
    """
    wanted = [class_id for class_id in class_ids if is_wnid(class_id)]
    if not wanted and not required:
        return {}
    try:
        wordnet = _shared(None if folder is None else str(folder))
    except MissingResourceError:
        if required:
            raise
        return {}
    texts = wordnet.texts(wanted)
    return {class_id: text.definition for class_id, text in texts.items() if text.definition}


def with_definitions(graph: ClassGraph, folder: PathLike | None = None, *, required: bool = False) -> ClassGraph:
    """Return the graph with WordNet's definitions put into its texts, where a class has none and WordNet has one.

    Raises:
        MissingResourceError: WordNet is not on this machine and ``required`` is set.
    """
    if graph.wordnet_version != VERSION:
        return graph
    gaps = [class_id for class_id, text in zip(graph.index, graph.texts) if text.definition is None]
    found = definitions(gaps, folder, required=required)
    texts = tuple(
        replace(text, definition=text.definition or found.get(class_id))
        for class_id, text in zip(graph.index, graph.texts)
    )
    return replace(graph, texts=texts)
