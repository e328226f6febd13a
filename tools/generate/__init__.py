"""Generates the CRDs and the reference pages from the code."""
