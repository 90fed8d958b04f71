"""Forecasts held against series whose make is known."""
