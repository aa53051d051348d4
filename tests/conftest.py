"""Fixtures that every room shares."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

ENCODER_WORDS = {
    "okapi": (1, 0, 0),
    "zebra": (0, 2, 0),
    "animal": (0, 0, 3),
    "striped": (1, 1, 1),
    "nothing": (0, 0, 0),
}
"""What `tiny_encoder` knows; any other word is ``nothing``."""


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real data; the test is skipped with a reason where there is none."""
    root = os.environ.get("KGZSL_ASSETS")
    if not root:
        pytest.skip("needs real data: set KGZSL_ASSETS to the folder that holds backbones/, features/ and images/")
    return Path(root)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests' caches out of the user's."""
    monkeypatch.setenv("KGZSL_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sentence-transformers model; a text is the mean of its words in `ENCODER_WORDS`."""
    pytest.importorskip("sentence_transformers", reason='needs pip install "kgzsl[text]"')
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:  # before version 6
        from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(ENCODER_WORDS)}, unk_token="nothing"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = tmp_path_factory.mktemp("encoder")
    module = StaticEmbedding(tokenizer, embedding_weights=np.array([*ENCODER_WORDS.values()], dtype=np.float32))
    SentenceTransformer(modules=[module], device="cpu").save(str(folder))
    return folder
