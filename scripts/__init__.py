"""Entry points: arguments, a straight line of calls, output."""
