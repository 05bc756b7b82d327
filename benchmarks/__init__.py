"""The commands that measure the numbers in the documentation, one for each page or table."""
