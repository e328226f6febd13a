"""Argo Server's REST API: runs that the cluster does not have (any more), and what only the server may do."""
