"""Litmus tests made from critical cycles, in the kernel's C and in assembly (:func:`smpcheck.generate.make.make`)."""
