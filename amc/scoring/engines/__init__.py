"""Where the policies of a search are scored: in this process, in several processes, or on a Ray cluster."""
