"""kgzsl serve as a process: what was added is there after SIGKILL, and wrong options are one line."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from kgzsl.classifier import ZeroShotClassifier


def ask(place: str, content: object = None) -> object:
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(place, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


@pytest.mark.slow
def test_what_was_answered_is_kept_when_the_service_is_killed(wordnet_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(wordnet_run, tmp_path / "run")
    command = [sys.executable, "-m", "kgzsl", "serve", str(run), "--port", "0"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "KGZSL_ASSETS": ""}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as served:
        try:
            assert served.stderr is not None
            told = re.search(r"at (http://127\.0\.0\.1:\d+/)", served.stderr.readline())
            assert told is not None
            assert isinstance(added := ask(f"{told[1]}api/classes", {"name": "okapi"}), dict)
        finally:
            served.send_signal(signal.SIGKILL)
    assert added["class_id"] == "n02439398" and added["placed_by"] == "wordnet"
    again = ZeroShotClassifier.load(run)
    assert again.added.added_ids == ("n02439398",) and len(again.changes) == 1


def test_wrong_options_are_one_line(
    kgzsl: Callable[..., int], run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert kgzsl("serve", run, "--host", "0.0.0.0") == 2
    assert "lets other machines ask; give --token" in capsys.readouterr().err
    assert kgzsl("serve", run, "--host", "nowhere") == 2
    assert "'nowhere' is no address to listen on" in capsys.readouterr().err
    assert kgzsl("serve", tmp_path / "nothing") == 2
    assert "is no run folder" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert kgzsl("serve", run, "--port", taken.getsockname()[1]) == 2
    assert "Cannot listen on 127.0.0.1 port" in capsys.readouterr().err
