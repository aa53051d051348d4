"""Room 8, comparison: recipes, semantics and seeds in; every run trained or found again, and one table out.

`cells` crosses recipes with semantics and seeds, `compare` trains what is not trained yet and evaluates it, a
`Comparison` writes itself as text, Markdown and JSON.
"""

from kgzsl.comparison.cells import Cell, cells
from kgzsl.comparison.measurement import compare
from kgzsl.comparison.table import Comparison, MeasuredCell, Summary

__all__ = ["Cell", "Comparison", "MeasuredCell", "Summary", "cells", "compare"]
