"""Room 3, naming: from what people write to class ids.

In: names in any form (``okapi``, ``okapi.n.01``, ``n02439398``, a file of them) and the graphs that know them. Out:
class ids, or an error that lists every sense of an ambiguous name and what is near to an unknown one.
"""

from kgzsl.naming.resolver import ClassResolver, Sense, is_wnid, path_hint

__all__ = ["ClassResolver", "Sense", "is_wnid", "path_hint"]
