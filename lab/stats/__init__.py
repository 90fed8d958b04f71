"""Simulations that hold the statistics of experiments to their promises, ten thousand at a time."""
