"""What a candidate network is worth: metrics, number formats, racing, and the processes that score in parallel."""
