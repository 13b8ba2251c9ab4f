"""The minute's sweep: delete every record that has entered the delayer period. It only deletes."""
