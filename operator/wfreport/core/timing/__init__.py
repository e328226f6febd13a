"""Computes the timing of a run: its critical path, the times of its steps, and its present waits."""
