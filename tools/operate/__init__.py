"""Look into applied environments, and bring back what failed."""
