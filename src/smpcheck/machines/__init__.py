"""What the kernel's primitives are on each machine: mappings, as data, and programs lowered by them.

A mapping (:mod:`smpcheck.machines.mapping`) is a file with one row for each primitive: the machine's instructions that Linux
compiles it to. :mod:`smpcheck.machines.lower` replaces a program's primitives by them, so that the machine's own memory model
judges it.
"""
