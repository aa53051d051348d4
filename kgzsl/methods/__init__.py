"""Room 5, methods: supervision of seen classes in, a scorer of any classes of the graph out.

One paper a file. Every variant satisfies `Method` and stands in `METHODS` under the name that recipes use.
"""

from kgzsl.methods.method import Method
from kgzsl.methods.nearest_seen import NearestSeen, nearest_seen_bank

__all__ = ["METHODS", "Method", "NearestSeen", "nearest_seen_bank"]

METHODS = {"nearest_seen": NearestSeen}
"""Method by the name that recipes use."""
