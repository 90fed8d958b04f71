"""The scale model: the line's own decisions in virtual time, with fleets larger and days longer than a machine has."""
