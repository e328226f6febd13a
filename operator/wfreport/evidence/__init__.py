"""Reads what proves a failure: pods, their logs and Events, offloaded nodes, archived logs."""
