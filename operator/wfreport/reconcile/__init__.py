"""Reconciles one Workflow with its reports, resyncs all of them, and deletes expired reports."""
