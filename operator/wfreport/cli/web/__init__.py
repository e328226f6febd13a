"""The live page of ``wfreport ui``: a read-only web server on the reader's own rights."""
