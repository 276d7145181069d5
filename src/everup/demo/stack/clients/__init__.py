"""How a service reaches its dependencies: one client per kind, each bounded in time.

A client raises ``Unavailable`` with the dependency's name, whatever went wrong underneath.
"""
