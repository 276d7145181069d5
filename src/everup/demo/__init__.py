"""Something to see at work: a stack to watch over, and the story told with it.

`main.run` tells the story; `stack` is the patient; `story` holds the rules by which an action
counts as wrong. Nothing is imported here: the services of the stack start through this package.
"""
