"""All executions of a program, looked at in several ways, with one contract.

:mod:`smpcheck.engines.contract` says what an engine is asked and what it answers; :mod:`smpcheck.engines.route` says which
engines answer a question, in which order, and why.
"""
