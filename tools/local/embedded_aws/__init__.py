"""The embedded AWS: ministack, mended where the delayer depends on what it does differently from AWS."""
