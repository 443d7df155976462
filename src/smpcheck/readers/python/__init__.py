"""Models written in Python: ``read_python_file`` for a file, ``compile_scenario`` for one scenario.

What a model may look like is said in docs/python-models.md; the vocabulary is :mod:`smpcheck.kernel`.
"""

from smpcheck.readers.python.load import load_scenarios, read_python_file
from smpcheck.readers.python.scenarios import compile_scenario

__all__ = ["compile_scenario", "load_scenarios", "read_python_file"]
