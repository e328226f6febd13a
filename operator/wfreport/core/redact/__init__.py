"""Makes text safe to write: removes secrets and enforces maximum lengths."""
