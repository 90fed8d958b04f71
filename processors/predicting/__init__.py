"""The load score of the next hour: what it is expected to reach, what could be moved, and what became of it. Pure."""
