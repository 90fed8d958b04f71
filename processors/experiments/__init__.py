"""Experiments: what the numbers of an A/B test say, and how sure one may be. Pure functions on arrays.

`analysis.analyze` is the way through; every other module owns one subject of it.
"""
