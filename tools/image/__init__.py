"""Runs the image without a container engine."""
