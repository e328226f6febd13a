"""Classifies a failed leaf: its role, its failure class and the evidence for it."""
