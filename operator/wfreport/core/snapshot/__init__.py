"""Decodes a Workflow into a Snapshot, and derives its tree of nodes, its pod names and the identity of its report."""
