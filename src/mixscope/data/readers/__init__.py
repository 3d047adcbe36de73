"""Readers of data set layouts: a folder or a file becomes a `Content`."""
