"""Answers about the page machinery, drawn: tables, lanes and pictures, and what became of the claims."""
