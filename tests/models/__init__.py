"""Tests of the memory models that smpcheck ships, and of how it reads the kernel's own."""

from __future__ import annotations
