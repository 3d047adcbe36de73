"""The sections of a report, a file each, named as in its table of contents."""
