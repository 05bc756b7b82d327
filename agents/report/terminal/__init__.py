"""What commands show in a terminal: tables that fit its width, and bars of progress."""
