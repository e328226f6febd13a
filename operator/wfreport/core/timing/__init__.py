"""Computes where the time went."""
