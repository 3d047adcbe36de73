"""Mixing: which images of a batch are mixed, how, and with which label weights.

A method is one file of this package: a function from draws to what is mixed, marked with `@method`. Methods
from a file of the user's or from another package are written the same way, without the mark (interface.py).
The only file that needs torch is loss.py.
"""

from mixscope.mixing.interface import Boxes, Hidden, Masks, Resized
from mixscope.mixing.mixer import Mixer, Plans, make
from mixscope.mixing.plan import Plan
from mixscope.mixing.registry import Method, method, methods

__all__ = [
    "Boxes", "Hidden", "Masks", "Method", "Mixer", "Plan", "Plans", "Resized", "make", "method", "methods",
]  # fmt: skip
