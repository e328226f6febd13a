"""Carries out actions: one file each."""
