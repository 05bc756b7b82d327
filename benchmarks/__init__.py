"""What produces the numbers in the documentation, one command each."""
