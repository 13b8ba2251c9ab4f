"""Run the whole delayer on this machine."""
