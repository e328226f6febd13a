"""Shows the main job on this machine: a control plane, the operator, Workflows and their reports."""
