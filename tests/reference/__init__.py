"""Verdicts of herd7 for litmus tests of our own, shipped with the project (README.md says how they were made)."""
