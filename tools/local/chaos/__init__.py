"""make chaos: the real stack with a quarter of its calls spoiled, and what became of two thousand schedules."""
