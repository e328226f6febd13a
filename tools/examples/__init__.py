"""Ten runs of the real Argo controller, server and PostgreSQL, and the pages that show their reports."""
