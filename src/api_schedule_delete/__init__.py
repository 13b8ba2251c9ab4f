"""DELETE /schedules/{scheduleId}: cancel a schedule while its removal still counts as a cancellation."""
