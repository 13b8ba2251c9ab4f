"""make review: a plan as one page for a person with a minute, what is dangerous first."""
