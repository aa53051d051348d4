"""The names of classes that were added or renamed, for the resolver of written names."""

from __future__ import annotations

from collections.abc import Iterable

from kgzsl.additions.overlay import Overlay
from kgzsl.additions.planning import key
from kgzsl.additions.state import AdditionsState
from kgzsl.naming import Sense
from kgzsl.types import ClassId

__all__ = ["OwnNames"]

HINT_STEPS = 3


class OwnNames:
    """Finds added and renamed classes by what people write.

    Args:
        overlay: all classes that there are.
        state: what was added, removed and renamed.
    """

    def __init__(self, overlay: Overlay, state: AdditionsState) -> None:
        self.overlay, self.state = overlay, state
        own = [class_id for class_id, one in state.added.items() if one.is_own]
        renamed = [class_id for class_id in state.names if class_id not in state.removed]
        self._ids = dict.fromkeys([*own, *renamed])
        self._by_name: dict[str, list[ClassId]] = {}
        for class_id in self._ids:
            text = overlay.text(class_id)
            for name in dict.fromkeys(map(key, (text.name, *text.lemmas))):
                self._by_name.setdefault(name, []).append(class_id)

    def __call__(self, name: str) -> tuple[Sense, ...]:
        """Return the classes that a name means: the one of that id, or all that are called so."""
        if name in self._ids:
            return (self._sense(name),)
        return tuple(map(self._sense, self._by_name.get(key(name), ())))

    def names(self) -> Iterable[str]:
        """Return every name, as it is compared."""
        return self._by_name.keys()

    def _sense(self, class_id: ClassId) -> Sense:
        labels: list[str] = []
        above = self.overlay.parents(class_id)
        while above and len(labels) < HINT_STEPS:
            labels.append(self.overlay.text(above[0]).label)
            above = self.overlay.parents(above[0])
        return Sense(class_id, self.overlay.text(class_id), " < ".join(labels), class_id in self.overlay.graph.index)
