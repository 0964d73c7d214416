"""Batches: planned, run plane by plane, and resumed from their ledger."""
