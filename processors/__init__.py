"""The decisions: plain functions and small classes, events in, events out. No I/O, no clock, no randomness."""
