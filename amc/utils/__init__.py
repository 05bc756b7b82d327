"""What every other room uses: errors in one line, devices, copies of networks, atomic files, the user's own code.

The modules do not build on each other, but for `errors` and `text`, which come first.
"""
