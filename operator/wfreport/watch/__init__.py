"""Turns watch streams into queued keys."""
