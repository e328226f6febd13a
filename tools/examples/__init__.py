"""Runs ten Workflows with the real Argo controller, server and PostgreSQL, and writes pages with their reports."""
