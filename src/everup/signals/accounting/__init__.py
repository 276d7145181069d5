"""Accounting: what the machine below has and how busy it is, read from the kernel's own files.

What instances use is accounted for by their runtime; this is the host's side of it.
"""
