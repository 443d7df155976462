"""What the two precautions of refcount.py are for: the same model without one of them."""

from refcount import refcount

without_grace_period = refcount.bind(grace_period=False)
counting_from_zero = refcount.bind(unless_zero=False)
