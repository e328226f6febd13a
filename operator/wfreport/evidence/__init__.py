"""Collects the evidence of a failure: pods, their logs and Events, offloaded nodes, archived logs."""
