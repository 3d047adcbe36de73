"""Readers of the layouts that data sets come in: a folder or a file becomes a `Content`."""
