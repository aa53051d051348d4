"""Names: how many labels of ImageNet are linked by name alone, how many wrongly, and how much bad writing they bear."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SEED = 0
BACKBONE = "mobilenet_v2_1.0_224"
POOLS = {"imagenet21k": "the 23,547 classes of the graph", "nouns": "all 82,115 nouns"}
BRITISH = {
    **{"armor": "armour", "caliber": "calibre", "center": "centre", "color": "colour", "fiber": "fibre"},
    **{"gray": "grey", "harbor": "harbour", "jewelry": "jewellery", "license": "licence", "mold": "mould"},
    **{"moldboard": "mouldboard", "mustache": "moustache", "neighbor": "neighbour", "pajama": "pyjama"},
    **{"pajamas": "pyjamas", "plow": "plough", "snowplow": "snowplough", "theater": "theatre", "tire": "tyre"},
    **{"traveler": "traveller", "vapor": "vapour", "woolen": "woollen", "airplane": "aeroplane", "ax": "axe"},
    **{"check": "cheque", "curb": "kerb", "czar": "tsar", "liter": "litre", "meter": "metre", "catalog": "catalogue"},
}


def first_name(label: str) -> str:
    """Return the first of the names of a label."""
    return label.partition(",")[0]


def british(label: str) -> str:
    """Spell the words of a label that have an own British spelling so."""
    return re.sub(r"[A-Za-z]+", lambda word: BRITISH.get(word[0].lower(), word[0]), label)


def plural(label: str) -> str:
    """Return the regular plural of the first name of a label; an irregular noun is spelt as children spell it."""
    name = first_name(label)
    if re.search(r"[^aeiou]y$", name):
        return name[:-1] + "ies"
    return name + ("es" if name.endswith(("s", "x", "z", "ch", "sh")) else "s")


def letter_lost(label: str) -> str:
    """Leave out one letter of the first name, anywhere but at its beginning."""
    name = first_name(label)
    place = random.Random(f"{SEED} {name}").randrange(1, len(name))
    return name[:place] + name[place + 1 :]


FORMS: dict[str, Callable[[str], str]] = {
    "as they are": str,
    "in capitals": str.upper,
    "underscores for spaces": lambda label: label.replace(" ", "_"),
    "hyphens for spaces": lambda label: re.sub(r"(?<!,) ", "-", label),
    "in British spelling": british,
    "first name only": first_name,
    "first name, plural": plural,
    "first name, one letter lost": letter_lost,
}


def measure(run: Path, assets: Path) -> dict[str, Any]:
    """Link the labels of a real backbone in several forms; the run is not looked at."""
    from kgzsl.graph import load_graph, load_split_list
    from kgzsl.naming import Linker, imagenet_order, link_list, read_labels

    labels = read_labels(assets / "backbones" / BACKBONE / "config.json")
    truth = load_split_list("imagenet21k", "ilsvrc2012-seen")
    graph, nouns = load_graph("imagenet21k"), load_graph("wordnet-nouns")
    linkers = {"imagenet21k": Linker(graph), "nouns": Linker(graph, nouns)}
    in_order = link_list(linkers["nouns"], labels, order=imagenet_order(graph)).links
    rows = list(range(len(truth)))
    random.Random(SEED).shuffle(rows)
    shuffled, classes = [labels[1:][row] for row in rows], [truth[row] for row in rows]
    shipped = [", ".join(graph.text(class_id).lemmas).replace("_", " ") for class_id in truth]
    return {
        "labels": len(truth),
        "in_order": sum(link.class_id == class_id for link, class_id in zip(in_order[1:], truth)),
        "same_as_shipped": sum(label == own for label, own in zip(labels[1:], shipped)),
        "lists": {
            form: {
                pool: _counts(link_list(linker, [write(label) for label in shuffled]).links, classes)
                for pool, linker in linkers.items()
            }
            for form, write in FORMS.items()
        },
        "alone": {
            pool: {
                "unknown form": _counts([linker.link(label) for label in shuffled], classes),
                "complete": _counts([linker.link(label, complete=True) for label in shuffled], classes),
            }
            for pool, linker in linkers.items()
        },
        "first_sense": {
            pool: _counts(link_list(_first(linker), shuffled).links, classes) for pool, linker in linkers.items()
        },
        "changed": {form: sum(write(label) != label for label in shuffled) for form, write in FORMS.items()},
    }


def _first(linker: Any) -> Any:
    from kgzsl.naming import Linker

    return Linker(linker.graph, linker.nouns, first_sense=True)


def _counts(links: Sequence[Any], truth: Sequence[str]) -> dict[str, int]:
    """Count labels that are linked rightly or wrongly, ambiguous or unknown, and those whose class is listed."""
    from kgzsl.naming import AMBIGUOUS, UNKNOWN

    pairs = list(zip(links, truth, strict=True))
    return {
        "linked": sum(link.class_id == class_id for link, class_id in pairs),
        "wrong": sum(link.class_id not in (None, class_id) for link, class_id in pairs),
        "ambiguous": sum(link.status == AMBIGUOUS for link, _ in pairs),
        "unknown": sum(link.status == UNKNOWN for link, _ in pairs),
        "listed": sum(
            link.class_id is None and any(one.class_id == class_id for one in link.candidates)
            for link, class_id in pairs
        ),
    }


def block(found: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "### Names: the labels of ImageNet",
        "",
        f"The {found['labels']:,} labels of a real MobileNetV2, which are all lemmas of their classes "
        f"({found['same_as_shipped']:,} of them word for word the shipped lemmas). In their order "
        f"{found['in_order']:,} are linked. Below the order is shuffled, so that names alone count: right / wrong / "
        "ambiguous / unknown, and of the last two how many have the right class among the candidates listed.",
        "",
        "| labels, as one list | changed | " + " | ".join(f"candidates: {words}" for words in POOLS.values()) + " |",
        "|---|---|" + "---|" * len(POOLS),
    ]
    lines += [
        f"| {form} | {found['changed'][form]:,} | {' | '.join(_cell(pools[pool]) for pool in POOLS)} |"
        for form, pools in found["lists"].items()
    ]
    lines += ["", "| the same labels, else | " + " | ".join(POOLS.values()) + " |", "|---|" + "---|" * len(POOLS)]
    others = {
        "one by one": {pool: found["alone"][pool]["unknown form"] for pool in POOLS},
        "one by one, known to hold all lemmas (`--complete`)": {
            pool: found["alone"][pool]["complete"] for pool in POOLS
        },
        "one list, `--first-sense`": found["first_sense"],
    }
    lines += [f"| {words} | {' | '.join(_cell(pools[pool]) for pool in POOLS)} |" for words, pools in others.items()]
    return "\n".join(
        [
            *lines,
            "",
            "A list says more than its labels one by one: that they hold all lemmas, and that they keep to the graph. "
            "Unknown labels are the three classes of persons, which are linked with `--include-person` only, and names "
            "that a lost letter makes no lemma: those get suggestions, never a link. A letter lost in a short name can "
            "make another word, which then is linked as what it says; that is the wrong ones. The first sense is a "
            "guess, and shown for what it is.",
        ]
    )


def _cell(counts: dict[str, int]) -> str:
    words = " / ".join(f"{counts[name]:,}" for name in ("linked", "wrong", "ambiguous", "unknown"))
    return f"{words}; {counts['listed']:,} listed"
