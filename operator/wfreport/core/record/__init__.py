"""What is written of decisions and acts: a Remediation and its progress, a policy's status, what people are told."""
