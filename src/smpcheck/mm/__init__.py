"""Linux's mlock, truncation and reclaim machinery as a model: the system of a review of October 2009.

One module for each kernel file, in the kernel's own names: page_flags, page_alloc, swap, vmscan, rmap, mlock, memory, truncate,
filemap. :mod:`~smpcheck.mm.variants` has what was proposed, :mod:`~smpcheck.mm.scenarios` which operations meet,
:mod:`~smpcheck.mm.invariants` what must hold, :mod:`~smpcheck.mm.claims` what was said about it.
"""

import smpcheck.mm.vmscan  # noqa: F401  (first: vmscan, rmap and mlock know each other)
