"""smpcheck: can this happen, is this barrier needed, and why, for code that shares memory the way the Linux kernel does."""

__version__ = "0.1.0"
