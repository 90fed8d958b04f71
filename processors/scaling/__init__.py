"""How many instances each agent needs: what is seen, what is expected, and the bounds of changing it."""
