"""Operators to compare with. They are started as programs, never imported."""
