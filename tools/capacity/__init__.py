"""make capacity: what a number of schedules asks of AWS, which limit stands in the way first, and what it costs."""
