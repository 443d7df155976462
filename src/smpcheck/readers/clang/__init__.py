"""The kernel's own C: clang parses it, functions are inlined, and what is left is a program (docs/kernel-c.md)."""
