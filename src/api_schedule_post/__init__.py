"""POST /schedules: validate a request, and store its schedule. The only function that inserts."""
