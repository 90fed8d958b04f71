"""Forecasts of a load from its history: a regular series, many simple forecasters, and what they were worth so far."""
