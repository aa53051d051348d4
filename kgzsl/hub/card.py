"""The model card of a shared classifier: what it is, how it was made, and what it cannot do.

Everything in it is read from the run folder. It names classes by their names, gives no definition out of WordNet, and
holds no path of the machine that trained the run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgzsl.errors import CorruptFileError, MissingDependencyError
from kgzsl.run_folder import REPORT, RunFolder
from kgzsl.runtime import read_json

if TYPE_CHECKING:
    from huggingface_hub import ModelCard

__all__ = ["INSTALL", "CardFacts", "model_card"]

INSTALL = 'pip install "kgzsl[hub]"'
LIBRARY, PICTURES = "kgzsl", "zero-shot-image-classification"
TAGS = ("zero-shot-learning", "knowledge-graph", "model_hub_mixin")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
SHOWN_ADDITIONS, SHOWN_DIGITS = 20, 12
HITS = ("1", "5", "10")
REPORTED = {"features", "candidates", "num_candidates", "num_images", "num_classes", "hits_micro", "chance"}


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a card tells.

    Args:
        manifest: of the run.
        provenance: of its graph.
        counts: number of ``classes`` and ``edges`` of the graph, of ``seen``, ``unseen`` and ``person`` classes.
        width: the feature dimension D, or None where the scorer has no such thing.
        scoring: what was calibrated, by section.
        reports: what ``kgzsl evaluate --json`` printed, an object a feature file.
        additions: the classes that were added after the training, each as a row of cells by column.
        changed: what else was changed since, and of how many classes.
        example: names of classes for the example.
    """

    manifest: Mapping[str, Any]
    provenance: Mapping[str, Any]
    counts: Mapping[str, int]
    width: int | None = None
    scoring: Mapping[str, Any] = field(default_factory=dict)
    reports: Sequence[Mapping[str, Any]] = ()
    additions: Sequence[Mapping[str, str]] = ()
    changed: Mapping[str, int] = field(default_factory=dict)
    example: Sequence[str] = ()

    @classmethod
    def of(
        cls, run: RunFolder, additions: Sequence[Mapping[str, str]] = (), changed: Mapping[str, int] | None = None
    ) -> CardFacts:
        """Read them from a run folder.

        Raises:
            CorruptFileError: a file of it is damaged, or its report holds something else.
        """
        graph, split = run.graph, run.split
        report = run.path / REPORT
        counts = {"classes": graph.num_classes, "edges": len(graph.edges), "person": len(graph.marked("person"))}
        counts |= {"seen": len(split.seen), "unseen": len(split.unseen)}
        persons = graph.marked("person")
        names = [graph.text(i).name for i in (*split.unseen, *split.seen) if i not in persons][:3]
        return cls(
            run.manifest,
            graph.provenance,
            counts,
            getattr(run.scorer, "dim", None),
            run.scoring,
            _read_reports(report) if report.is_file() else (),
            tuple(additions),
            changed or {},
            tuple(row["class"] for row in additions[:1]) + tuple(names),
        )

    @property
    def backbone(self) -> str:
        """Id of what makes the features."""
        return str(self.manifest.get("backbone", "unknown"))

    @property
    def on_hub(self) -> bool:
        """Whether the backbone is named as a model of a hub, which turns pictures into features."""
        return HUB_NAME.fullmatch(self.backbone) is not None


def model_card(
    facts: CardFacts, *, repo_id: str = "", pipeline_tag: str | None = None, license: str | None = None
) -> ModelCard:
    """Write the card.

    Args:
        facts: what it tells.
        repo_id: ``owner/name`` where it will stand.
        pipeline_tag: the hub's word for the task; by default that of pictures where the backbone is a model of the
            hub, and none for other features.
        license: an identifier such as ``mit``; left out unless given, for it is the owner's to say.

    Raises:
        MissingDependencyError: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import ModelCard
    except ImportError as error:
        raise MissingDependencyError(f"A model card needs huggingface_hub: {INSTALL}.") from error
    header = _header(facts, repo_id, pipeline_tag or (PICTURES if facts.on_hub else None), license)
    title = repo_id.rpartition("/")[2] or "Zero-shot classifier"
    parts = (
        *(f"# {title}", _summary(facts), _use(facts, repo_id or "owner/name"), _training(facts), _classes(facts)),
        *(_added(facts), _evaluation(facts), _limits(facts)),
    )
    return ModelCard(f"---\n{header}\n---\n\n" + "\n\n".join(part for part in parts if part) + "\n")


def _header(facts: CardFacts, repo_id: str, pipeline_tag: str | None, license: str | None) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=pipeline_tag or "zero-shot-classification",
            dataset_type="features",
            dataset_name=f"{Path(str(report['features'])).stem}, candidates {report['candidates']}",
            metric_type="accuracy",
            metric_name=f"Hit@{k}, %",
            metric_value=report["hits_micro"][k],
        )
        for report in facts.reports
        for k in HITS
        if _tells(report, k)
    ]
    name = repo_id.rpartition("/")[2] or "zero-shot-classifier"
    return ModelCardData(
        library_name=LIBRARY,
        tags=list(TAGS),
        pipeline_tag=pipeline_tag,
        license=license,
        base_model=facts.backbone if facts.on_hub else None,
        model_name=name if results else None,
        eval_results=results or None,
    ).to_yaml()


def _summary(facts: CardFacts) -> str:
    counts = facts.counts
    added = f", {len(facts.additions):,} of them added after the training" if facts.additions else ""
    count = counts["classes"] + len(facts.additions)
    return (
        f"Classifiers of {count:,} classes for features of `{facts.backbone}`{added}. "
        f"{counts['seen']:,} classes were learned from a trained classifier or from examples; those of all others were "
        "predicted from what the classes mean and where they stand in a graph, without an example of them. Further "
        "classes can be asked for by name."
    )


def _use(facts: CardFacts, repo_id: str) -> str:
    names = ", ".join(repr(name) for name in facts.example) or "'a class', 'another'"
    images = '["photo.jpg"]' if facts.on_hub else 'FeatureSet.load("features.safetensors")'
    more = "" if facts.on_hub else "from kgzsl.features import FeatureSet\n"
    return (
        f"## Use\n\n```python\nfrom kgzsl.classifier import ZeroShotClassifier\n{more}\n"
        f'classifier = ZeroShotClassifier.from_pretrained("{repo_id}")\n'
        f"for answer in classifier.predict({images}, [{names}]):\n    print(answer.predictions[0])\n```"
    )


def _training(facts: CardFacts) -> str:
    manifest = facts.manifest
    rows = {
        "method": manifest.get("method"),
        "seed": manifest.get("seed"),
        "backbone": f"{facts.backbone}" + (f", {facts.width} numbers" if facts.width else ""),
        "text encoder": manifest.get("encoder"),
        "text form": manifest.get("text_form"),
        "epochs": manifest.get("epochs"),
        "kgzsl": manifest.get("kgzsl"),
        **{f"sha256 of {name}": f"{digest[:SHOWN_DIGITS]}..." for name, digest in manifest.get("inputs", {}).items()},
    }
    told = "The recipe with all its values is `recipe.toml`, the parameters stand in `manifest.json`."
    return f"## Training\n\n{_table(('', ''), [(k, v) for k, v in rows.items() if v is not None])}\n\n{told}"


def _classes(facts: CardFacts) -> str:
    counts, wordnet = facts.counts, facts.provenance.get("wordnet")
    rows = [
        ("graph", facts.provenance.get("induce") or facts.provenance.get("name") or "own taxonomy"),
        ("WordNet", wordnet or "none, an own taxonomy"),
        ("classes and edges", f"{counts['classes']:,} and {counts['edges']:,}"),
        ("seen", f"{counts['seen']:,}"),
        ("unseen", f"{counts['unseen']:,}"),
        ("added later", f"{len(facts.additions):,}"),
        *((f"{verb} later", f"{count:,}") for verb, count in facts.changed.items() if count),
    ]
    note = f"Class ids and names are those of Princeton's WordNet {wordnet}." if wordnet else ""
    return f"## Classes\n\n{_table(('', ''), rows)}" + (f"\n\n{note}" if note else "")


def _added(facts: CardFacts) -> str:
    if not facts.additions:
        return ""
    shown = facts.additions[:SHOWN_ADDITIONS]
    rest = len(facts.additions) - len(shown)
    columns = tuple(shown[0])
    table = _table(columns, [tuple(row.get(column, "") for column in columns) for row in shown])
    return f"## Added classes\n\n{table}" + (f"\n\nand {rest:,} more, listed in `additions/`." if rest else "")


def _evaluation(facts: CardFacts) -> str:
    if not facts.reports:
        return "## Evaluation\n\nNo figures were stored with this classifier."
    rows = []
    for report in facts.reports:
        hits, guess = report["hits_micro"], report["chance"]
        cells = [f"{hits[k]:.1f} ({guess[k]:.1f})" if _tells(report, k) else "" for k in HITS]
        about = f"{report['num_images']:,} of {report['num_classes']:,}"
        rows.append(
            (
                Path(str(report["features"])).name,
                f"{report['candidates']} ({report['num_candidates']:,})",
                about,
                *cells,
            )
        )
    head = ("features", "candidates", "examples of classes", *(f"Hit@{k}" for k in HITS))
    return f"## Evaluation\n\nPer cent over examples, behind it what guessing reaches.\n\n{_table(head, rows)}"


def _tells(report: Mapping[str, Any], k: str) -> bool:
    """Say whether Hit@k tells something: it does not where every candidate is among the k best."""
    return k in report["hits_micro"] and (k == "1" or int(k) < report["num_candidates"])


def _read_reports(path: Path) -> list[dict[str, Any]]:
    reports = read_json(path)
    if not isinstance(reports, list) or not all(isinstance(one, dict) and one.keys() >= REPORTED for one in reports):
        raise CorruptFileError(f"{path} holds no figures of kgzsl evaluate --json; write it anew, or remove it.")
    return reports


def _limits(facts: CardFacts) -> str:
    person = facts.counts["person"]
    lines = [
        "Scores are comparable among the classes of one example, not between classifiers.",
        "Probabilities are calibrated on seen classes that were hidden from the method."
        if "probabilities" in facts.scoring
        else "No probabilities are given with it: it was not calibrated (`kgzsl calibrate`).",
        "A class far from every seen class is predicted worse than one beside it. For a forecast calibrate it on "
        "examples of your own (`kgzsl calibrate`, `kgzsl expect`): no features of single examples are shared with it.",
    ]
    if person:
        lines.append(
            f"{person:,} classes of persons stand in the graph as knowledge. They are no candidates unless asked for: "
            "many were judged unsafe as labels of pictures (Yang et al., FAT* 2020)."
        )
    if facts.additions:
        lines.append("The classes added later were checked by nobody but who added them.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
