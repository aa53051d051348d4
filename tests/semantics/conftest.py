"""A text encoder small enough to compute by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

WORDS = ("okapi", "zebra", "animal", "striped", "nothing")
ROWS = torch.tensor([[1.0, 0, 0], [0, 2, 0], [0, 0, 3], [1, 1, 1], [0, 0, 0]])


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sentence-transformers model whose vector of a text is the mean of `ROWS` over its words."""
    pytest.importorskip("sentence_transformers", reason='needs pip install "kgzsl[text]"')
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:  # before version 6
        from sentence_transformers.models import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(WORDS)}, unk_token="nothing"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = tmp_path_factory.mktemp("encoder")
    module = StaticEmbedding(tokenizer, embedding_weights=ROWS.numpy())
    SentenceTransformer(modules=[module], device="cpu").save(str(folder))
    return folder
