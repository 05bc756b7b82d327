"""The comparison of strategies behind the command and Python users: its searches, its folder, its report."""
