"""The ledger of reproductions, docs/reproduction.md: the tables and figures of the sources, and where they stand."""
