"""Defines the commands, one file each."""
