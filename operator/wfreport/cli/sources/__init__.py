"""Finds runs, pods and objects for a command."""
