"""GET /schedules and /schedules/{scheduleId}: look up pending schedules. It only reads."""
