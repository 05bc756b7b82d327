"""What every other room uses: errors in one line, text, devices, copies of networks, files written whole, user's code.

The modules do not build on each other, but for `errors` and `text`, which come first.
"""
