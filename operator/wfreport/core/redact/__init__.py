"""Decides what may be written at all: bounds, printable text, no secrets."""
