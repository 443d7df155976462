"""Which kernel function each function of the model restates, and whether both do the same primitives in the same order.

The map is data (``map.toml``, read by :mod:`.entries`). :mod:`.model_order` extracts the order from the model's Python,
:mod:`.kernel_order` from the kernel's C, and :mod:`.compare` lays them side by side. The order is that of the text: conditions,
loops and jumps are not compared.
"""
