"""The tutorial: its cluster, and the commands and outputs on its page."""
