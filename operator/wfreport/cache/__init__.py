"""Holds in memory what can be read again: reports, running Workflows, evidence, policies, Remediations."""
