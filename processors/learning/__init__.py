"""Routing that learns: models of how well agents do, and what the router makes of them. Pure, numpy only."""
