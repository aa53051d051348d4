"""A neighbourhood as Graphviz DOT: text that other programs draw."""

from __future__ import annotations

from kgzsl.explain.neighbourhood import ADDED, SEEN, UNSEEN, Neighbourhood, Node

__all__ = ["to_dot"]

SHAPES = {
    SEEN: 'shape=box, style="filled", fillcolor="#c9dcec"',
    UNSEEN: 'shape=box, style="rounded"',
    ADDED: 'shape=box, style="rounded,dashed"',
}


def to_dot(neighbourhood: Neighbourhood, title: str = "") -> str:
    """Return a directed graph in the DOT language, parents above.

    Example:
        >>> print(to_dot(Neighbourhood((Node("okapi", "okapi", "unseen"),), ())))
        digraph neighbourhood {
          rankdir=BT;
          "okapi" [label="okapi", shape=box, style="rounded"];
        }
        <BLANKLINE>
    """
    lines = ["digraph neighbourhood {", "  rankdir=BT;"]
    lines += [f"  label={_quoted(title)}; labelloc=t;"] if title else []
    lines += [f"  {_quoted(node.class_id)} [{_look(node)}];" for node in neighbourhood.nodes]
    for link in neighbourhood.links:
        steps = f' [style=dashed, label="{link.steps} steps"]' if link.steps > 1 else ""
        lines.append(f"  {_quoted(link.child)} -> {_quoted(link.parent)}{steps};")
    return "\n".join([*lines, "}", ""])


def _look(node: Node) -> str:
    label = node.name if node.share is None else f"{node.name}\n{100 * node.share:+.1f} %"
    thick = ", penwidth=2.5" if node.is_asked else ""
    return f"label={_quoted(label)}, {SHAPES[node.kind]}{thick}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
