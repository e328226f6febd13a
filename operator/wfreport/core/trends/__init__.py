"""Computes trends over many runs from their reports: success, durations, recovery, waste, flakiness."""
