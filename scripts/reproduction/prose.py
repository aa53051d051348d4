"""What docs/results.md says beside its tables."""

from __future__ import annotations

INTRODUCTION = """# Results

Written by `scripts/reproduce` ({recipes} recipes). Backbone: MobileNetV2 (ImageNet-1k, 1280-d,
`google/mobilenet_v2_1.0_224`), its head as the classifiers of the 1000 seen classes. Graph: `imagenet21k` (23,547
classes). Semantics: MiniLM embeddings of "lemmas: definition" unless a recipe says otherwise (`best` does). Figures
are percent.

**Candidates.** Three files of images ({files}):

- `unrelated`: the file's classes that are neither seen nor above or below a seen class compete, and their images
  count ({unrelated}).
- `unseen`: all 20,842 unseen classes compete, person classes among them, as in the published lists; all images of
  unseen classes count ({unseen}). *Unrelated images* are those of the classes of `unrelated` alone. The others are of
  a class above or below a seen one, where a near copy of a seen classifier goes far: the two figures differ much.
- `generalised`: the seen classes and the unrelated ones compete.

**Figures.** Hit@k over images (micro); ties count against the class. In brackets 95 % bootstrap intervals over
classes (1000 draws); for a mean over files the files' distances are added in squares. With several seeds: the mean,
then the lowest and highest of their means in parentheses. The files hold few classes: differences within the
intervals mean little.

**What was tuned on what.**

- No image or classifier of an unseen class takes part in any fit. Epochs of networks are chosen on 200 held-out
  *seen* classes by their classifiers alone; penalties, widths and dimensions by leaving seen classes out; all 1000
  are then fitted.
- Networks and baselines have published hyper-parameters, or such as were chosen on seen classes; no figure on this
  page chose any of them.
- `kernel` is no clean test: the values in which its search starts come from an earlier experiment on these same
  files, and one of its rules was made with figures on them in view. `best` is built on it; its recipe says what chose
  its settings.
- The rows of networks were trained before the draws of dropout became faster: the same seed now gives other masks, and
  a network trained anew differs as one of another seed does."""

IDEAS = {
    "ideas.md": "How far each idea behind `best` carried, and why: [ideas](ideas.md).",
    "best.md": "The best method, what it is made of and what chose its settings: [best](best.md).",
}
"""Pages of prose that are linked where they are there."""

PUBLISHED = """## Published numbers

ImageNet-21K, flat Hit@k, unseen classes alone; ResNet-50 unless said.

| system | 2-hops @1 / 2 / 5 / 10 / 20 | 3-hops @1 | all @1 |
|---|---|---:|---:|
| ConSE | 8.3 / 12.9 / 21.8 / 30.9 / 41.7 | | |
| SYNC | 10.5 / 17.7 / 28.6 / 40.1 / 52.0 | 2.9 | 1.4 |
| GCNZ | 19.8 / 33.3 / 53.2 / 65.4 / 74.6 | 4.1 | 1.8 |
| GCNZ, released code | 21.0 / 33.7 / 52.7 / 64.8 / 74.3 | 4.3 | 1.9 |
| SGCN, fine-tuned | 26.2 | | |
| DGP, fine-tuned | 26.6 | 6.3 | 3.0 |
| ZSL-KG | 26.3 | 6.3 | 3.0 |
| DGP, run again with word2vec | 24.6 / 37.7 / 56.9 / 69.6 / 79.2 | 5.0 | |
| DGP, run again with CLIP's text tower | 29.5 / 43.9 / 62.8 / 74.7 / 83.1 | 9.8 | |
| CLIP (ResNet-50), no training | 35.2 / 48.5 / 65.0 / 74.6 / 82.0 | 22.5 | |
| HGR-Net | 36.1 / 49.5 / 65.9 / 75.7 / 83.0 | 23.2 | |

A benchmark of 500 unrelated classes (GOZ; Hascoet et al., CVPR 2019; ResNet-50, GloVe, Hit@1): ConSE 10.7, DeViSE
11.1, ESZSL on class means 13.5, GCN of six layers 9.6, GCN of two layers 14.1, DGP 14.1."""

DIFFERENCES = """\
What differs, so that no row above can be set against one of ours: the published figures are over ImageNet's own
pictures of 1,549 (2-hops), 7,860 (3-hops) and 20,842 (all) classes, ours over three small files of other pictures;
their backbone is ResNet-50 (25 million parameters, fine-tuned for SGCN-f and DGP-f), ours MobileNetV2 (3.5 million,
frozen); their node semantics are GloVe or word2vec (CLIP's text tower where said), ours MiniLM on definitions; CLIP
and HGR-Net have seen pictures of most of these classes with their names. The nearest of ours to *all* is `unseen`:
the same candidates, other images. The nearest to GOZ is `unrelated`, with 15 to 52 classes in place of 500."""

ACTS = """\
What a trained run is asked to do, measured by `scripts/reproduce --acts` on a run of recipe `{run}` that
`kgzsl calibrate` has calibrated on the shipped images of seen classes (one picture each). What is chosen, fitted or
calibrated saw seen classes alone; the three files of images only measure."""
"""What stands before the acts."""
