"""mixscope: which mixing augmentation helps which architecture, and is the difference real?"""

__version__ = "0.1.0"
