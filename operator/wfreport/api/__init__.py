"""The words of the domain: Argo's, and those of our own API. The lowest layer; it imports nothing of ours."""
