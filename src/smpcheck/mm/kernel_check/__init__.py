"""The running kernel as a witness: the model's predictions against real system calls, counter by counter.

Names used everywhere: an *area* is a mapping that a scenario made (one vma, or several after a partial mlock); a *step* is one
operation on some of its pages; a *prediction* says what a step does to the counters and flags; an *observation* is what it did.
"""
