"""Classifies failed leaves: role, failure class, owner, and the fingerprint by which equal failures are recognised."""
