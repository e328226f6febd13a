"""Renders a snapshot, its classification and the stored report into a report status."""
