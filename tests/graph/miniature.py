"""A WordNet 3.0 of sixteen noun synsets, in WordNet's own database format, for tests without a WordNet."""

from __future__ import annotations

from pathlib import Path

HEADER = "  1 WordNet {version} Copyright 2006 by Princeton University.  All rights reserved.  \n"
ANIMAL, ARTIFACT, PERSON, TOPS = 5, 6, 18, 3

SYNSETS = {
    # name: (source file, lemmas, hypernyms, instance hypernyms, definition)
    "entity": (TOPS, ["entity"], [], [], "that which exists"),
    "organism": (TOPS, ["organism", "being"], ["entity"], [], 'a living thing; "every organism breathes"'),
    "causal_agent": (TOPS, ["causal_agent", "cause"], ["entity"], [], "any entity that produces an effect"),
    "animal": (TOPS, ["animal", "beast"], ["organism"], [], "a living organism that moves"),
    "person": (TOPS, ["person", "individual"], ["organism", "causal_agent"], [], "a human being"),
    "lawyer": (PERSON, ["lawyer", "attorney"], ["person"], [], "a professional of the law"),
    "lincoln": (PERSON, ["Lincoln", "Abraham_Lincoln"], [], ["lawyer"], "16th President of the United States"),
    "domestic_animal": (ANIMAL, ["domestic_animal"], ["animal"], [], "an animal kept by people"),
    "dog": (ANIMAL, ["dog", "domestic_dog"], ["animal", "domestic_animal"], [], "a member of the genus Canis"),
    "bird": (ANIMAL, ["bird"], ["animal"], [], "a warm-blooded animal with feathers"),
    "crane_bird": (ANIMAL, ["crane"], ["bird"], [], "a large long-necked wading bird"),
    "giraffe": (ANIMAL, ["giraffe", "Giraffa_camelopardalis"], ["animal"], [], "the tallest living quadruped"),
    "okapi": (ANIMAL, ["okapi", "Okapia_johnstoni"], ["giraffe"], [], "similar to the giraffe but smaller"),
    "zebra": (ANIMAL, ["zebra"], ["animal"], [], "a striped African horse"),
    "artifact": (ARTIFACT, ["artifact"], ["entity"], [], "a man-made object"),
    "crane": (ARTIFACT, ["crane"], ["artifact"], [], "lifts and moves heavy objects"),
}
FIXED = {"entity": 1740, "person": 7846}
"""The two synsets that stand at their real offsets; kgzsl knows person by its id."""


def _line(name: str, offsets: dict[str, int]) -> str:
    source, lemmas, hypernyms, instances, definition = SYNSETS[name]
    words = " ".join(f"{lemma} 0" for lemma in lemmas)
    above = [("@", parent) for parent in hypernyms] + [("@i", parent) for parent in instances]
    below = [("~", child) for child, entry in SYNSETS.items() if name in entry[2]]
    below += [("~i", child) for child, entry in SYNSETS.items() if name in entry[3]]
    pointers = "".join(f"{symbol} {offsets.get(other, 0):08d} n 0000 " for symbol, other in above + below)
    head = f"{offsets.get(name, 0):08d} {source:02d} n {len(lemmas):02x} {words}"
    return f"{head} {len(above) + len(below):03d} {pointers}| {definition}  \n"


def _padding(size: int) -> str:
    return " " * (size - 1) + "\n" if size else ""


def write_wordnet(folder: Path, version: str = "3.0") -> dict[str, str]:
    """Write the database files, without those that Debian leaves out.

    Returns:
        The class id of each synset.
    """
    folder.mkdir(parents=True, exist_ok=True)
    header = HEADER.format(version=version)
    offsets: dict[str, int] = {}
    place = len(header)
    for name in sorted(SYNSETS, key=lambda name: (name == "person", name != "entity")):
        offsets[name] = FIXED.get(name, place)
        place = offsets[name] + len(_line(name, {}))
    data = header
    for name in sorted(offsets, key=offsets.__getitem__):
        data += _padding(offsets[name] - len(data)) + _line(name, offsets)
    index: dict[str, list[int]] = {}
    for name, (_, lemmas, *_) in SYNSETS.items():
        for lemma in lemmas:
            index.setdefault(lemma.lower(), []).append(offsets[name])
    lines = [
        f"{lemma} n {len(places)} 0 {len(places)} 0 {' '.join(f'{place:08d}' for place in places)}  \n"
        for lemma, places in sorted(index.items())
    ]
    files = {"data.noun": data, "index.noun": header + "".join(lines), "cntlist.rev": "", "noun.exc": ""}
    for speech in ("adj", "adv", "verb"):
        files |= {f"data.{speech}": header, f"index.{speech}": header, f"{speech}.exc": ""}
    for name, content in files.items():
        (folder / name).write_text(content, encoding="ascii")
    return {name: f"n{offset:08d}" for name, offset in offsets.items()}
