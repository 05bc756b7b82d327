"""From kept counts to a compact network in one call: choose channels, cut them, recover."""
