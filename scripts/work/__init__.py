"""The work of each command; a command imports its module when it begins, since that takes seconds."""
