"""What the read barriers of seqlock.py are for: the same model without them."""

from seqlock import seqlock

without_rmb = seqlock.bind(read_barriers=False)
