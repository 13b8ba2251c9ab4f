"""What the delayer costs, measured: `make bench` prints one table, and exits 1 if a bound does not hold."""
