"""``python -m smpcheck``."""

from smpcheck.cli import main

main()
