"""The page of a run: what a browser or a ticket shows of a report, as plain values without markup."""
