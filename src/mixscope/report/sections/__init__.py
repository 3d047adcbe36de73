"""The sections of a report, one module each, named as in its table of contents."""
