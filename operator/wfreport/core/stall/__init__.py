"""Decides whether a run hangs, from its Workflow, its pods and the holders of its locks (docs/howto/hung-runs.md)."""
