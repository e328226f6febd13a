"""Composes the operator: settings in, a running operator out."""
