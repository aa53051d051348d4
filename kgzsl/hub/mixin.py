"""huggingface_hub's mixin around a classifier.

This module is imported inside functions only: a base class has to be there when its class is made, and this one's
package takes a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelHubMixin, snapshot_download

from kgzsl.classifier import ZeroShotClassifier
from kgzsl.hub.card import LIBRARY, TAGS, model_card
from kgzsl.hub.published_files import PUBLISHED

__all__ = ["SharedClassifier"]


class SharedClassifier(ModelHubMixin, library_name=LIBRARY, tags=list(TAGS)):
    """A classifier that saves itself, writes its card and travels to a hub and back.

    A repository's ``config.json`` is there for the hub, which counts by it; nothing in it is used here.

    Args:
        classifier: what is shared.
    """

    def __init__(self, classifier: ZeroShotClassifier) -> None:
        self.classifier = classifier
        manifest = classifier.run.manifest
        facts = {name: manifest.get(name) for name in ("format", "kgzsl", "method")}
        self._hub_mixin_config = {"library_name": LIBRARY, **facts}

    def _save_pretrained(self, save_directory: Path) -> None:
        from kgzsl.hub.repository import save_whole

        save_whole(self.classifier, save_directory)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **given: Any,
    ) -> SharedClassifier:
        folder = snapshot_download(
            model_id,
            revision=revision,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            token=token,
            allow_patterns=list(PUBLISHED),
        )
        known = {name: given.get(name) for name in ("backbone", "encoder")}
        return cls(ZeroShotClassifier.load(folder, **known))

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """Write the card from what the run folder holds; see `model_card`."""
        from kgzsl.hub.repository import facts_of

        return model_card(facts_of(self.classifier), **kwargs)
