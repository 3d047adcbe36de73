"""Mixing methods: which images of a batch are mixed, how, and with which label weights.

Each method is one module of this package: a function from random draws to boxes or masks, registered with
`@method`. User-defined methods, from a file or another package, are written the same way without the
decorator (see interface.py). Only loss.py needs torch.
"""

from mixscope.mixing.interface import Boxes, Hidden, Masks, Resized
from mixscope.mixing.mixer import Mixer, Plans, make
from mixscope.mixing.plan import Plan
from mixscope.mixing.registry import Method, method, methods

__all__ = [
    "Boxes", "Hidden", "Masks", "Method", "Mixer", "Plan", "Plans", "Resized", "make", "method", "methods",
]  # fmt: skip
