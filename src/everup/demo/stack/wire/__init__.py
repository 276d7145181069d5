"""The three protocols that the stack speaks, each in the few lines that it needs.

HTTP/1.1, Redis (RESP2) and PostgreSQL (version 3), on asyncio streams. Why not the usual clients:
importing psycopg costs 0.3 s of CPU and redis-py 0.5 s per process, and in this stack a dozen
processes start at once, again and again, on a small machine. They know this stack's needs only
and are not for use elsewhere.
"""
