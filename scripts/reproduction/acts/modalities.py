"""Nothing but pictures? Short texts of 22 WordNet topics, with sentence embeddings as features.

The topics are cut into 14 seen and 8 unseen ones, as the file has them and by further draws. Seen topics have their
six texts, unseen ones nothing; measured are the texts of the unseen ones, among the unseen ones. Beside the methods
stand chance, the nearest seen topic, and the direct way: the cosine between a text and the words of a topic, by the
encoder of both. The direct way needs features and words in one space; it is measured as well on features that a random
rotation has taken out of that space, and one of the methods with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgzsl.bank import ClassifierBank, Scorer
from kgzsl.classes import ClassIndex
from kgzsl.evaluation import ranks
from kgzsl.evaluation.metrics import chance
from kgzsl.features import FeatureSet
from kgzsl.graph import ClassGraph, load_graph
from kgzsl.graph.induce import closed
from kgzsl.methods import METHODS
from kgzsl.methods.nearest_seen import nearest_seen_bank
from kgzsl.runtime import read_lines, shipped_path
from kgzsl.seen_bank import class_means
from kgzsl.semantics import SemanticEmbedding, SentenceEncoder, embed_graph
from kgzsl.supervision import Supervision

TEXTS = "sample/texts.tsv"
FORM = "{name}, a kind of {parent}, {grandparent}"
UNSEEN, DRAWS, SEED = 8, 20, 0
HITS = (1, 5)
LEARNED = {"kernel regression": "kernel_regression", "ESZSL": "eszsl", "EXEM": "exem"}
NEAREST, DIRECT, TURNED = "nearest seen topic", "direct: text to topic words", ", features rotated"
METHOD = "kernel regression"


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Measure all ways on the file's own cut and on further draws."""
    topics, texts = read_texts()
    graph = closed(load_graph("wordnet-nouns"), topics)
    encoder = SentenceEncoder()
    words = embed_graph(graph, encoder=encoder, text_form=FORM)
    labels = torch.tensor([topics.index(topic) for topic, _ in texts])
    features = FeatureSet(encoder.encode([text for _, text in texts]), labels, ClassIndex(topics), encoder.id)
    rng = np.random.default_rng(SEED)
    turned = rotation(features.dim)
    found = [hits_of(features, graph, words, cut, turned) for cut in cuts(topics, rng)]
    facts = {"texts": len(texts), "topics": len(topics), "unseen": UNSEEN, "draws": DRAWS, "encoder": encoder.id}
    return {**facts, "own_cut": found[0], "mean": over(found, np.mean), "deviation": over(found, np.std)}


def read_texts() -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """Return the class ids of the topics in the order of the file, and topic and text of each line."""
    rows = [line.split("\t") for line in read_lines(shipped_path("graphs", TEXTS))[1:]]
    nouns = load_graph("wordnet-nouns")
    ids = {text.name: class_id for class_id, text in zip(nouns.index, nouns.texts)}
    texts = [(ids[topic], text) for topic, text in rows]
    return tuple(dict.fromkeys(topic for topic, _ in texts)), texts


def cuts(topics: Sequence[str], rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Return the unseen topics of each draw, the file's own cut first."""
    drawn = [np.sort(rng.choice(len(topics), UNSEEN, replace=False)) for _ in range(DRAWS - 1)]
    return [tuple(topics[-UNSEEN:]), *(tuple(topics[row] for row in rows) for rows in drawn)]


def rotation(dim: int) -> torch.Tensor:
    """Return a random orthogonal matrix."""
    generator = torch.Generator().manual_seed(SEED)
    return torch.linalg.qr(torch.randn(dim, dim, generator=generator, dtype=torch.float64))[0].float()


def hits_of(
    features: FeatureSet, graph: ClassGraph, words: SemanticEmbedding, unseen: tuple[str, ...], turned: torch.Tensor
) -> dict[str, dict[str, float]]:
    """Return Hit@k in per cent of every way among the unseen topics."""
    plain = scorers(features, graph, words, unseen)
    other = replace(features, features=features.features @ turned)
    rotated = scorers(other, graph, words, unseen)
    found = {way: hits(scorer, features.of_classes(unseen)) for way, scorer in plain.items()}
    found |= {way + TURNED: hits(rotated[way], other.of_classes(unseen)) for way in (METHOD, DIRECT)}
    return {**found, "chance": {str(k): chance(len(unseen), k) for k in HITS}}


def scorers(
    features: FeatureSet, graph: ClassGraph, words: SemanticEmbedding, unseen: tuple[str, ...]
) -> dict[str, Scorer]:
    """Return what scores the unseen topics, way by way."""
    shown = features.of_classes(tuple(sorted(set(features.index) - set(unseen))))
    bank = class_means(shown)
    supervision = Supervision(graph, words, bank, shown)
    learned = {way: METHODS[name]().fit(supervision).synthesize(unseen) for way, name in LEARNED.items()}
    rows = words.select(unseen).vectors
    direct = ClassifierBank(ClassIndex(unseen), rows, torch.zeros(len(rows)), features.backbone)
    return {**learned, NEAREST: nearest_seen_bank(graph, bank, unseen), DIRECT: direct}


def hits(scorer: Scorer, asked: FeatureSet) -> dict[str, float]:
    """Return Hit@k in per cent of texts whose topics the scorer holds."""
    own = torch.from_numpy(scorer.index.rows([str(topic) for topic in asked.class_ids()]))
    found = ranks(scorer.score(asked), own)
    return {str(k): 100 * float((found <= k).double().mean()) for k in HITS}


def over(found: Sequence[Mapping[str, Mapping[str, float]]], summary: Any) -> dict[str, dict[str, float]]:
    """Return one figure of all draws for each way and k."""
    return {way: {k: float(summary([one[way][k] for one in found])) for k in found[0][way]} for way in found[0]}


def block(found: dict[str, Any]) -> str:
    """Write the table."""
    lines = [
        "### Texts instead of pictures",
        "",
        f"{found['texts']} sentences on {found['topics']} WordNet topics (`graphs/sample/texts.tsv`), sentence "
        f"embeddings as features ({found['encoder']}). {found['unseen']} topics are unseen and compete with one "
        f"another; {found['draws']} draws of which ones, mean and standard deviation in per cent. Nothing was chosen "
        "on unseen topics.",
        "",
        "| way | Hit@1 | Hit@5 | Hit@1 on the page's cut |",
        "|---|---|---|---|",
    ]
    for way, mean in found["mean"].items():
        spread = found["deviation"][way]
        cells = [f"{mean[k]:.1f} ± {spread[k]:.1f}" if spread[k] else f"{mean[k]:.1f}" for k in map(str, HITS)]
        lines.append(f"| {way} | {cells[0]} | {cells[1]} | {found['own_cut'][way]['1']:.1f} |")
    return "\n".join([*lines, "", _verdict(found["mean"]), ""])


def _verdict(mean: Mapping[str, Mapping[str, float]]) -> str:
    best = max(LEARNED, key=lambda way: mean[way]["1"])
    wins = mean[DIRECT]["1"] > mean[best]["1"]
    told = "beats" if wins else "does not beat"
    return (
        f"Where one encoder makes the features and reads the names, comparing the two directly {told} learning from a "
        f"few seen topics ({mean[DIRECT]['1']:.1f} against {mean[best]['1']:.1f} of {best}). Where it did not, as "
        f"with pictures, sensors or a classifier of one's own, there is no such way: on rotated features it reaches "
        f"{mean[DIRECT + TURNED]['1']:.1f}, {METHOD} {mean[METHOD + TURNED]['1']:.1f}."
    )
