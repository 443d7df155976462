"""Litmus tests in assembly, one module for each machine. :func:`smpcheck.readers.asm.test.read_asm` is the entry."""
