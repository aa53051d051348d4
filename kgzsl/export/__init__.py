"""Room 8, the enlarged head back in the user's world.

In: a `ZeroShotClassifier` and classes that its model's head lacks. Out: a folder that transformers, torch or
onnxruntime load. Old rows stay as they are, to the bit; new ones are matched in scale and bias, so that they neither
dominate nor vanish. Every folder is read again and compared before it takes its place. transformers, onnx, onnxruntime
and onnxscript are imported when they are first needed.

| module                  | holds                                                                      |
|-------------------------|----------------------------------------------------------------------------|
| `exporter`              | `export_classifier`, the table `FORMATS`, `Export`: what was written        |
| `head`                  | `OldHead`, its rows linked to classes to the bit; `EnlargedHead`             |
| `matching`              | `Matching`: one scale and one shift for all new rows, in four ways           |
| `calibrated_matching`   | `fit_matching`: both chosen on images of seen classes that play new          |
| `transformers_folder`   | a folder for ``pipeline("image-classification", folder)``                     |
| `state_dict`            | safetensors that ``load_state_dict`` takes                                   |
| `onnx`                  | the head alone, or backbone and head, checked in onnxruntime                 |
| `labels`, `card`, `folder` | what each row stands for; README; staging and manifest                     |
"""

from kgzsl.export.calibrated_matching import fit_matching
from kgzsl.export.exporter import FORMATS, Export, enlarged_head, export_classifier
from kgzsl.export.head import EnlargedHead, HeadRow, OldHead
from kgzsl.export.matching import LEVELS, MATCHINGS, Matching, choose_matching

__all__ = [
    "FORMATS",
    "LEVELS",
    "MATCHINGS",
    "EnlargedHead",
    "Export",
    "HeadRow",
    "Matching",
    "OldHead",
    "choose_matching",
    "enlarged_head",
    "export_classifier",
    "fit_matching",
]
