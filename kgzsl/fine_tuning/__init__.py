"""Room 9, the backbone follows the head: a backbone trained so that synthesized, frozen classifiers serve its features.

In: a run, its backbone, and a folder of pictures of seen classes. Out: a folder with the tuned backbone, as
transformers loads it, and the run that reads its features. Kampffmeyer et al. (CVPR 2019) call it SGCN-f and DGP-f.

| module         | holds                                                                        |
|----------------|------------------------------------------------------------------------------|
| `fine_tune`    | `fine_tune`: the whole way, resumed where it was stopped                      |
| `frozen_head`  | which rows stand in the head, and their one scale                            |
| `pictures`     | order, crops and flips as functions of seed, epoch and picture               |
| `loop`         | `Tuner`: the one loop, in one or many processes                              |
| `adapters`     | every parameter, or low-rank adapters (peft)                                 |
| `tuned_folder` | what is written                                                              |

Lightning Fabric (`kgzsl.processes`) starts processes and computes in mixed precision.
"""

from kgzsl.fine_tuning.adapters import ADAPTERS
from kgzsl.fine_tuning.fine_tune import fine_tune
from kgzsl.fine_tuning.frozen_head import ROWS, frozen_head
from kgzsl.tuning_settings import BATCH_NORMS, TuningSettings

__all__ = ["ADAPTERS", "BATCH_NORMS", "ROWS", "TuningSettings", "fine_tune", "frozen_head"]
