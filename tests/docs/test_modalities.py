"""What the results say of texts instead of pictures, from what was measured."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from reproduction.acts import modalities

WAYS = (
    *modalities.LEARNED,
    modalities.NEAREST,
    modalities.DIRECT,
    modalities.METHOD + modalities.TURNED,
    modalities.DIRECT + modalities.TURNED,
)


def measured(first: float) -> dict[str, dict[str, float]]:
    return {way: {"1": first + place, "5": 80.0} for place, way in enumerate(WAYS)} | {"chance": {"1": 12.5, "5": 62.5}}


def test_the_block_tells_every_way_and_which_one_wins() -> None:
    found = {"texts": 132, "topics": 22, "unseen": 8, "draws": 20, "encoder": "e@1", "own_cut": measured(10.0)}
    found |= {"mean": measured(40.0), "deviation": {way: {"1": 2.0, "5": 0.0} for way in (*WAYS, "chance")}}
    text = modalities.block(found)
    assert text.startswith("### Texts instead of pictures\n")
    for place, way in enumerate(WAYS):
        assert f"| {way} | {40 + place:.1f} ± 2.0 | 80.0 | {10 + place:.1f} |" in text
    assert "directly beats learning from a few seen topics (44.0 against 42.0 of EXEM)" in text
    assert "on rotated features it reaches 46.0, kernel regression 45.0." in text
    found["mean"][modalities.DIRECT]["1"] = 1.0
    assert "does not beat" in modalities.block(found)


def test_the_shipped_texts_are_six_a_topic_and_do_not_name_it() -> None:
    topics, texts = modalities.read_texts()
    assert [topic for topic, _ in texts] == [topic for topic in topics for _ in range(6)] and len(topics) == 22
    nouns = modalities.load_graph("wordnet-nouns")
    assert not [text for topic, text in texts if nouns.text(topic).label in text.lower()]
    drawn = modalities.cuts(topics, np.random.default_rng(0))
    assert drawn[0] == topics[-8:] and len(drawn) == 20 and all(len(set(cut)) == 8 for cut in drawn)


def test_a_rotation_keeps_angles() -> None:
    turned = modalities.rotation(5)
    torch.testing.assert_close(turned @ turned.T, torch.eye(5), atol=1e-6, rtol=0)
