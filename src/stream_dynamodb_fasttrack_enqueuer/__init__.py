"""The fast track: send what was removed from the schedule table to the delayer queue. The only function that sends."""
