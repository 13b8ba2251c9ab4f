"""make chaos: two thousand schedules through the real stack while a quarter of its calls is spoiled."""
