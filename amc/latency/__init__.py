"""How long networks take, here or on another machine."""
