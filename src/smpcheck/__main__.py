"""``python -m smpcheck``."""

from smpcheck.cli import run

run()
