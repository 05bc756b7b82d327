"""Options that several entry points share, as dataclasses whose docstrings are the texts of `--help`."""
