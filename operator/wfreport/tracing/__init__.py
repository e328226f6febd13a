"""Sends finished runs to an OpenTelemetry collector, if one is configured."""
