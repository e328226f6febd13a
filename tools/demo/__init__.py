"""Shows the main job on this machine: a control plane, the operator, eight Workflows and their reports."""
