"""Argo Server's REST API: runs that the cluster has no longer, or not completely, and retries in place."""
