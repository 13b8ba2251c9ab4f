"""POST /schedules: validate, transform, store. The only function that inserts."""
