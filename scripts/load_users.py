"""Users of a service for locust; scripts/bench_serve.py starts it and tells the pictures."""

from __future__ import annotations

import os
import random
from itertools import count
from pathlib import Path

from locust import FastHttpUser, constant, task

PICTURES = [Path(line) for line in os.environ.get("KGZSL_LOAD_PICTURES", "").splitlines()]
CLASSES = ("okapi", "zebra", "octopus.n.02", "sunflower.n.01", "wheelchair", "unicorn", "lobster.n.02", "emu.n.02")
sent = count(1)


class Asking(FastHttpUser):
    """Asks about a picture where there are any, else about a sample; one request after the other."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Learn the names of the samples."""
        self.chance = random.Random(len(os.environ))
        self.samples = [] if PICTURES else self.client.get("/api/samples", name="samples").json()["samples"]

    @task
    def predict(self) -> None:
        """Rank some classes."""
        number = next(sent)
        if PICTURES:
            picture = PICTURES[number % len(PICTURES)]
            body, kind = form(picture.read_bytes())
            self.client.post("/api/predict", data=body, headers={"Content-Type": kind}, name="picture")
            return
        asked = {"samples": [self.samples[number % len(self.samples)]], "classes": list(CLASSES)}
        self.client.post("/api/predict", json=asked, name="sample")


def form(picture: bytes) -> tuple[bytes, str]:
    """Return a form with a picture and the classes, and its content type."""
    edge = b"--kgzsl-load"
    fields = [
        edge + f'\r\nContent-Disposition: form-data; name="classes"\r\n\r\n{name}\r\n'.encode() for name in CLASSES
    ]
    head = b'\r\nContent-Disposition: form-data; name="pictures"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = b"".join([*fields, edge, head, picture, b"\r\n", edge, b"--\r\n"])
    return body, "multipart/form-data; boundary=kgzsl-load"
