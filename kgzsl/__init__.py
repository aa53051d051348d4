"""kgzsl: teach a trained image classifier new classes without new images.

A class graph and the meaning of its classes synthesize a bank of classifiers; a bank scores image features; a
protocol ranks and measures. ``docs/architecture.md`` maps the rooms.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
