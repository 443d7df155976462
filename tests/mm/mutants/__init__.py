"""Planted bugs: each step of each function of the page machinery changed in one place, and the scenarios that notice."""
