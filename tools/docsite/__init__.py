"""Builds the documentation as a site: `make site`."""
