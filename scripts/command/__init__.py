"""What the entry points share: the command line, signals, run folders that are resumed, and printed comparisons."""
