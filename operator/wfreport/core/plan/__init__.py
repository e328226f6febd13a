"""What an act makes of the objects it is about, as pure functions: a new Workflow, a patch, or a refusal.

Objects go in and come out as the JSON that the API server has: a spec that is copied must keep what this operator
does not know.
"""
