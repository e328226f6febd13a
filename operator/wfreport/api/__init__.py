"""The words of the domain: what Argo says, what we publish. The lowest layer; it imports nothing of ours."""
