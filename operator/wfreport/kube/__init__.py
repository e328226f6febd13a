"""The only modules that talk to the API server: one noun per file, typed errors out, no rules."""
