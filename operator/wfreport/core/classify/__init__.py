"""Classifies failed leaves: role, failure class, owner, and the fingerprint of equal failures."""
