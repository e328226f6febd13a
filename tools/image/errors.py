"""Errors of the image's build and smoke test."""


class ImageError(Exception):
    """The image cannot be built here, or the operator does not run in it."""
