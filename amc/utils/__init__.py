"""What every other room uses: errors in one line, devices, copies of networks, atomic files, the user's own code.

Read `errors` and `text` first, then `user_file` and `registry` (how users add parts of their own by name, file or
object), and `tabular` (results as tables: `text_table`, `notebook_table`); the others stand alone.
"""
