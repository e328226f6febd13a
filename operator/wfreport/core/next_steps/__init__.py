"""What a person does next about a run."""
