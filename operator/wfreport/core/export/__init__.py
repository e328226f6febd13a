"""Finished runs in the forms of other systems: a trace of OpenTelemetry."""
