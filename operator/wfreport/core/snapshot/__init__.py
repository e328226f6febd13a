"""Decodes the bytes of a Workflow into a Snapshot: nodes, tree, pod names, identity."""
