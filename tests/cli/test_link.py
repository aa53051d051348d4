"""``kgzsl link``: one class or a list of candidates; nothing is guessed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def small_graph(small_world, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small piece of WordNet and two names that are not clear."""
    from kgzsl.graph import load_graph, save_graph

    nouns = load_graph("wordnet-nouns")
    wanted = {*small_world.SEEN, *small_world.UNSEEN, "n02012849", "n03126707"}
    graph = nouns.subgraph(wanted | nouns.ancestors(wanted), name="small")
    folder = tmp_path_factory.mktemp("small") / "graph"
    save_graph(graph, folder, {"seen": small_world.SEEN})
    return folder


@pytest.fixture
def link(kgzsl, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small_graph: Path) -> Run:
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object, answers: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(answers))
        code = kgzsl("link", *words, "--graph", small_graph, "--in-graph")
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_a_table_of_what_names_mean(link: Run) -> None:
    code, shown, errors = link("zebras", "Crane", "zebrra")
    assert (code, errors) == (1, "1 of 3 linked, 1 ambiguous, 1 unknown\n")
    lines = [line.split() for line in shown.splitlines()]
    assert lines[0] == ["name", "status", "class", "why", "marks", "place"]
    assert lines[1][:5] == ["zebras", "linked", "n02391049", "zebra.n.01", "plural"]
    assert lines[2][:5] == ["Crane", "ambiguous", "n02012849", "crane.n.05", "lemma"]
    assert lines[3][:3] == ["n03126707", "crane.n.04", "lemma"]
    assert lines[4][:5] == ["zebrra", "unknown", "n02391049", "zebra.n.01", "misspelling"]
    assert "in graph, seen" in shown and "crane < lifting device < device" in shown


def test_exit_codes_and_json(link: Run) -> None:
    code, shown, _ = link("zebra", "crane (bird)", "--json")
    found = json.loads(shown)
    assert code == 0 and [one["class"] for one in found] == ["n02391049", "n02012849"]
    assert found[0]["candidates"][0]["is_seen"] is True and found[1]["status"] == "linked"
    code, shown, _ = link("crane", "--json")
    assert code == 1 and json.loads(shown)[0]["class"] is None
    assert link("crane", "--within", "animal.n.01")[0] == 0
    assert link("groom")[0] == 1 and link("groom", "--include-person")[0] == 0


def test_a_file_to_a_labels_table(link: Run, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("zebra\ncrane\ncrane (bird)\n", encoding="utf-8")
    code, shown, errors = link("--file", tmp_path / "labels.txt", "--tsv", tmp_path / "labels.tsv")
    assert code == 1 and "zebra" not in shown and shown.splitlines()[1].startswith("crane")
    assert errors.endswith("labels.tsv: put an id in the place of each ?, or - for a label to leave out\n")
    lines = (tmp_path / "labels.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[:2] for line in lines[1:]] == [
        ["zebra", "n02391049"],
        ["crane", "?"],
        ["crane (bird)", "n02012849"],
    ]


def test_interactive_asks_only_about_what_is_open(link: Run) -> None:
    code, shown, errors = link("zebra", "crane", "zebrra", "--interactive", "--json", answers="7\n2\n1\n")
    assert code == 0 and [one["class"] for one in json.loads(shown)] == ["n02391049", "n03126707", "n02391049"]
    assert "'crane' is ambiguous:\n  1. n02012849 crane.n.05 (crane < wading bird" in errors
    assert "'7' is neither a number from 1 to 2 nor a name of one class." in errors and "'zebra' is" not in errors
    code, shown, errors = link("crane", "crane", "crane", "--interactive", "--json", answers="\ncrane.n.04\n")
    assert code == 1 and [one["class"] for one in json.loads(shown)] == [None, "n03126707", None]
    assert "the input ended; the names left are as they were" in errors


def test_a_number_beyond_the_list_is_no_answer(
    kgzsl: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("9\n2\n"))  # nine.n.01 is a noun, and not what is meant
    assert kgzsl("link", "crane", "--interactive", "--json") == 0
    shown = capsys.readouterr()
    assert [one["class"] for one in json.loads(shown.out)] == ["n03126707"]
    assert "'9' is neither a number from 1 to 3 nor a name of one class." in shown.err


def test_a_run_says_what_it_has_seen(kgzsl, wordnet_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kgzsl("link", "zebra", "mule", "--run", wordnet_run, "--in-graph", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["candidates"][0]["is_seen"] for one in found] == [True, False]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Give names, or a file of labels with --file: one of the two."),
        (("zebra", "--file", "labels.txt"), "one of the two"),
        (
            ("zebra", "--run", "runs/x", "--graph", "imagenet21k"),
            "Name a run, or a graph with --graph: one of the two.",
        ),
        (("--file", "no-such.txt"), "Could not read no-such.txt"),
        (("zebra", "--graph", "no-such"), "no-such"),
        (("zebra", "--in-graph", "--within", "crane"), "'crane' could mean 2 classes"),
    ],
)
def test_bad_input_is_one_line(kgzsl, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str) -> None:
    assert kgzsl("link", *words) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("kgzsl: ") and message in errors and errors.count("\n") == 1
