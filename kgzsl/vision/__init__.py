"""Room 3, what a picture becomes: a trained classifier taken apart into features and a bank of its seen classes.

In: a classifier (folder, hub id, or your own module) and pictures. Out: a `FeatureSet`, and the head as the seen
`ClassifierBank`, its rows linked to classes. transformers and pillow appear here alone in this room and are imported
when they are first needed.

| module       | holds                                                                       |
|--------------|-----------------------------------------------------------------------------|
| `backbone`   | `Backbone`: features before the head, the head found by rule and checked     |
| `loading`    | `load_backbone`: folder, `KGZSL_ASSETS` or hub; its id                       |
| `labels`     | `link_labels`: ImageNet's order, names, or a table; ambiguity is an error    |
| `preprocess` | `Preprocessor`: the stored image processor, or its bit-equal lean form       |
| `images`     | `list_images`, `load_image`: what is on disk, decoded as upright RGB         |
| `extract`    | `extract_features`: parallel, resumable, one feature file                    |
| `shards`     | finished batches on disk                                                    |
"""

from kgzsl.vision.backbone import Backbone, find_head
from kgzsl.vision.extract import ExtractReport, extract_features
from kgzsl.vision.images import ImageFile, list_images, load_image
from kgzsl.vision.labels import HeadLinking, link_by_names, link_by_table, link_labels
from kgzsl.vision.loading import find_backbone, load_backbone
from kgzsl.vision.onnx_engine import ENGINES, with_engine
from kgzsl.vision.preprocess import Preprocessor

__all__ = [
    "ENGINES",
    "Backbone",
    "ExtractReport",
    "HeadLinking",
    "ImageFile",
    "Preprocessor",
    "extract_features",
    "find_backbone",
    "find_head",
    "link_by_names",
    "link_by_table",
    "link_labels",
    "list_images",
    "load_backbone",
    "load_image",
    "with_engine",
]
