from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from kgzsl.errors import InputFileError, KgzslError, MissingResourceError, SemanticsError
from kgzsl.runtime import sha256_file
from kgzsl.semantics import SemanticEncoder, TextTower, open_encoder

transformers = pytest.importorskip("transformers", reason='needs pip install "kgzsl[vision]"')

PIECES = ("a", "photo", "of", "an", "okapi", "zebra", ",", "striped")
TEXTS = ["a photo of an okapi", "zebra", "striped okapi, a zebra"]
LENGTH = {"clip": 12, "siglip": 10}
SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**SIZES, "image_size": 8, "patch_size": 4}


def clip_tokenizer() -> object:
    """Byte pairs of CLIP's form: single letters, and each word of `PIECES` merged from them letter by letter."""
    letters = sorted(set("".join(PIECES)))
    vocabulary = {token: row for row, token in enumerate([*letters, *(f"{letter}</w>" for letter in letters)])}
    merges = []
    for word in PIECES:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            merges += [pair] if pair not in merges else []
            parts = ["".join(pair), *parts[2:]]
            vocabulary.setdefault(parts[0], len(vocabulary))
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=merges)


def siglip_tokenizer() -> object:
    """A word tokenizer that lowers letters and ends a text with </s>, as SigLIP's does."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = ["<unk>", "</s>", *PIECES]
    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>", pad_token="</s>"
    )


def whole_model(family: str) -> tuple[object, object]:
    """Return a tiny model of both towers with random weights, and its tokenizer."""
    torch.manual_seed(3)
    if family == "clip":
        tokenizer = clip_tokenizer()
        text = {**SIZES, "vocab_size": len(tokenizer), "max_position_embeddings": LENGTH["clip"], "projection_dim": 6}
        text |= {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id}
        config = transformers.CLIPConfig(
            text_config=text, vision_config={**VISION, "projection_dim": 6}, projection_dim=6
        )
        return transformers.CLIPModel(config).eval(), tokenizer
    tokenizer = siglip_tokenizer()
    text = {**SIZES, "vocab_size": len(tokenizer), "max_position_embeddings": LENGTH["siglip"], "projection_size": 16}
    return transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=VISION)).eval(), tokenizer


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for family in LENGTH:
        found[family] = tmp_path_factory.mktemp(family)
        for piece in whole_model(family):
            piece.save_pretrained(found[family])
    return found


def expected(family: str, texts: list[str]) -> torch.Tensor:
    """Ask the whole model for its text features, one text at a time; they may come in an object."""
    model, tokenizer = whole_model(family)
    rows = []
    for text in texts:
        padding = {} if family == "clip" else {"padding": "max_length"}
        tokens = tokenizer(text, truncation=True, max_length=LENGTH[family], return_tensors="pt", **padding)
        with torch.no_grad():
            found = model.get_text_features(input_ids=tokens["input_ids"])
        rows.append(found if isinstance(found, torch.Tensor) else found.pooler_output)
    return torch.nn.functional.normalize(torch.cat(rows), dim=1)


@pytest.mark.parametrize("family", LENGTH)
def test_a_tower_gives_what_the_whole_model_gives(folders: dict[str, Path], family: str) -> None:
    tower = TextTower(family, str(folders[family]), device="cpu", cache=False)
    found = tower.encode(TEXTS)
    torch.testing.assert_close(found, expected(family, TEXTS), atol=2e-6, rtol=1e-5)
    assert tower.dim == found.shape[1] == {"clip": 6, "siglip": 16}[family]
    assert isinstance(tower, SemanticEncoder)
    assert (found - found[0]).abs()[1:].max() > 0.01


@pytest.mark.parametrize("family", LENGTH)
def test_a_long_text_is_cut_at_the_context(folders: dict[str, Path], family: str) -> None:
    tower = TextTower(family, str(folders[family]), device="cpu", cache=False)
    long = ["zebra " * 40 + "okapi", "zebra " * 40]
    assert torch.equal(*tower.encode(long).unsqueeze(1))


@pytest.mark.parametrize("family", LENGTH)
def test_the_id_is_family_and_weights_and_no_path(folders: dict[str, Path], family: str) -> None:
    tower = TextTower(family, str(folders[family]))
    digits = sha256_file(folders[family] / "model.safetensors")[:12]
    assert tower.id == f"{family}/local@{digits}"
    opened = open_encoder(f"{family}:{folders[family]}")
    assert opened.id == tower.id
    with pytest.raises(SemanticsError, match=rf"{family}/local@{digits}' *, which cannot be found.*{family}:FOLDER"):
        open_encoder(tower.id)


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_published_name_is_recorded_and_opened_again(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "snapshot_download", lambda name, ignore_patterns: str(folders["clip"]))
    digits = sha256_file(folders["clip"] / "model.safetensors")[:12]
    tower = open_encoder("clip:someone/tiny-clip")
    assert tower.id == f"clip/someone/tiny-clip@{digits}"
    torch.testing.assert_close(open_encoder(tower.id).encode(TEXTS), tower.encode(TEXTS))
    with pytest.raises(SemanticsError, match=f"has weights {digits}, but 000000000000 are recorded"):
        _ = open_encoder("clip/someone/tiny-clip@000000000000").id


def test_the_cache_answers_without_the_model(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KGZSL_HOME", str(tmp_path))
    first = TextTower("clip", str(folders["clip"]), device="cpu").encode(TEXTS)
    again = TextTower("clip", str(folders["clip"]), device="cpu")
    again.__dict__["_model"] = None  # a model that is asked for anything fails
    assert torch.equal(again.encode(TEXTS[::-1]), first.flip(0))


def test_models_of_another_family_are_named(folders: dict[str, Path]) -> None:
    with pytest.raises(InputFileError, match=r"model of type 'siglip', no clip model .*name it as siglip:"):
        TextTower("clip", str(folders["siglip"]), cache=False).encode(TEXTS)
    with pytest.raises(KgzslError, match="No family of text towers is called 'blip'; choose one of clip, siglip"):
        TextTower("blip", "x")


def test_weights_without_the_tower_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    """A head that the weights lack would be random numbers."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "clip"
    shutil.copytree(folders["clip"], folder)
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: w for name, w in weights.items() if name != "text_projection.weight"}, folder / "model.safetensors"
    )
    with pytest.raises(InputFileError, match=r"lack 1 of the text tower's parameters \(text_projection.weight first"):
        TextTower("clip", str(folder), cache=False).encode(TEXTS)


def test_what_is_no_model_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"holds no \.safetensors weights"):
        TextTower("clip", str(tmp_path), cache=False).encode(TEXTS)
    shutil.copy(folders["clip"] / "model.safetensors", tmp_path)
    with pytest.raises(InputFileError, match=r"holds no config\.json"):
        TextTower("clip", str(tmp_path), cache=False).encode(TEXTS)
    shutil.copy(folders["clip"] / "config.json", tmp_path)
    with pytest.raises(MissingResourceError, match="holds no tokenizer"):
        TextTower("clip", str(tmp_path), cache=False).encode(TEXTS)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(MissingResourceError, match=r"The tokenizer in .* cannot be loaded"):
        TextTower("clip", str(tmp_path), cache=False).encode(TEXTS)
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 64)
    with pytest.raises(MissingResourceError, match=r"The text tower in .* cannot be loaded"):
        TextTower("clip", str(tmp_path), cache=False).encode(TEXTS)
