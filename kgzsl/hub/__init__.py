"""Room 6, sharing: a classifier goes out as a folder with a model card, and comes back as the same classifier.

In: a `ZeroShotClassifier`, or the name of a repository. Out: a folder that holds what a run folder holds and nothing
else, without paths of this machine; a repository on the Hugging Face hub; a classifier. Nothing is unpickled and no
code is run: only files with the names of a run folder are fetched, and kgzsl's own readers read them.

`SharedClassifier` is huggingface_hub's mixin around a classifier. It is imported when it is first needed, for its base
class takes time to import; `kgzsl.classifier.ZeroShotClassifier` has its verbs.
"""

from kgzsl.hub.card import CardFacts, model_card
from kgzsl.hub.published_files import PUBLISHED, publish_run, without_local_paths
from kgzsl.hub.repository import fetch_run, from_pretrained, push_to_hub, save_pretrained

__all__ = [
    "PUBLISHED",
    "CardFacts",
    "fetch_run",
    "from_pretrained",
    "model_card",
    "publish_run",
    "push_to_hub",
    "save_pretrained",
    "without_local_paths",
]
