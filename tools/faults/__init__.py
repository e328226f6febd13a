"""Faults of a control plane: a proxy that injects them, and the state of a process that must not leak."""
