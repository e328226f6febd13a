"""Records decisions and actions: Remediations and their progress, the status of policies, and notifications."""
