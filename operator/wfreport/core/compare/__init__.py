"""Compares a run with earlier runs of the same cron, template or generateName."""
