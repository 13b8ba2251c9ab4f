"""The fast track: for each record removed from the schedule table, send its message. The only function that sends."""
