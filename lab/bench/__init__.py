"""Measurements of the line beside named peers, in the same run on the same machine."""
