"""Plans actions: pure functions that turn an object into a new Workflow, a patch, or a refusal.

Objects are the JSON of the API server, before and after: a copied spec must preserve fields that this operator does not
know.
"""
