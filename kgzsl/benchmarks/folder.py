"""A benchmark written down in kgzsl's own formats, with a recipe that runs.

| file                            | holds                                                                    |
|---------------------------------|--------------------------------------------------------------------------|
| ``graph/``                      | the classes, with lists ``seen``, ``unseen``, ``validation1`` and so on  |
| ``attributes.safetensors``      | a vector a class                                                         |
| ``trainval.safetensors``        | images of seen classes to learn from                                     |
| ``test-seen.safetensors``       | other images of seen classes                                             |
| ``test-unseen.safetensors``     | images of unseen classes                                                 |
| ``recipe.toml``                 | a recipe over these files                                                |
"""

from __future__ import annotations

from pathlib import Path

from kgzsl.benchmarks.benchmark import Benchmark
from kgzsl.errors import InputFileError
from kgzsl.graph.storage import save_graph
from kgzsl.runtime import write_text
from kgzsl.types import PathLike

__all__ = ["write_benchmark"]

GRAPH, ATTRIBUTES, RECIPE = "graph", "attributes.safetensors", "recipe.toml"
IMAGES = {"trainval": "trainval.safetensors", "test_seen": "test-seen.safetensors"}
IMAGES |= {"test_unseen": "test-unseen.safetensors"}
OWN = {GRAPH, ATTRIBUTES, RECIPE, *IMAGES.values()}

RECIPE_TEXT = """# {name}: the proposed split, {seen} seen and {unseen} unseen classes, {attributes} attributes a class.
#
# Command:  kgzsl train {recipe} --out RUN
# Measure:  kgzsl evaluate RUN --features {unseen_file} --candidates own
#           kgzsl evaluate RUN --features {seen_file} {unseen_file} --candidates all
# Choose:   kgzsl cross-validate {recipe}{held_out}

[graph]
name = "{graph}"
seen = "seen"
unseen = "unseen"

[semantics]
source = "{attributes_file}"
missing = "{missing}"

[seen_bank]
features = "{trainval}"
fit = "class-means"

[seen_features]
file = "{trainval}"

[method]
name = "eszsl"
"""


def write_benchmark(benchmark: Benchmark, folder: PathLike) -> Path:
    """Write a benchmark into a folder of its own; files of an earlier writing are replaced.

    Args:
        benchmark: what to write; without images there are no feature files and no recipe.
        folder: where.

    Returns:
        The recipe's path, or the folder's where there is none.

    Raises:
        InputFileError: the folder holds something else.
        StorageError: a write failed.
    """
    place = Path(folder)
    if place.exists() and (not place.is_dir() or (strange := sorted({p.name for p in place.iterdir()} - OWN))):
        found = f"holds {strange[0]!r}" if place.is_dir() else "is a file"
        raise InputFileError(f"{place} {found}; a benchmark needs a folder of its own, choose another.")
    lists = {"seen": benchmark.split.seen, "unseen": benchmark.split.unseen}
    lists |= {f"validation{number}": ids for number, ids in enumerate(benchmark.validation, start=1)}
    save_graph(benchmark.graph, place / GRAPH, lists)
    benchmark.attributes.save(place / ATTRIBUTES)
    if benchmark.images is None:
        return place
    for name, file in IMAGES.items():
        getattr(benchmark.images, name).save(place / file)
    write_text(place / RECIPE, _recipe(benchmark, place))
    return place / RECIPE


def _recipe(benchmark: Benchmark, place: Path) -> str:
    bare = set(benchmark.graph.index) - set(benchmark.attributes.index)
    held_out = "".join(f" validation{number}" for number in range(1, len(benchmark.validation) + 1))
    return RECIPE_TEXT.format(
        name=benchmark.name.replace("\n", " "),
        seen=len(benchmark.split.seen),
        unseen=len(benchmark.split.unseen),
        attributes=benchmark.attributes.dim,
        recipe=place / RECIPE,
        seen_file=place / IMAGES["test_seen"],
        unseen_file=place / IMAGES["test_unseen"],
        held_out=f" --held-out{held_out}" if held_out else "",
        graph=GRAPH,
        attributes_file=ATTRIBUTES,
        missing="mean" if bare else "raise",
        trainval=IMAGES["trainval"],
    )
