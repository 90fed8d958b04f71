"""Alerts: what is measured, over which windows, and when an alert fires and is resolved. Pure: time is an argument."""
