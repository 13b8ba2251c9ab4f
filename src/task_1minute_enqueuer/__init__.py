"""The sweep: every minute, delete the records that have entered the delayer period. It never sends or inserts."""
