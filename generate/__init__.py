"""Files that are made from the program and kept in the tree: the page of the rules, completions.

They are committed because packages install them and shells read them without starting Python. A
test says when one of them is stale.
"""
