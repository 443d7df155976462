"""The scenarios of the model with the kernel's own functions, as clang reads them in a tree; each cell stands beside the model's.

What is the tree's and what is not stands in ``harness/world.h``.
"""
