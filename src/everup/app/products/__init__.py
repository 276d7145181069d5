"""What is known of well-known products in their official images: how to ask them, on which port.

Pure. Read by `suggest`, which writes healthchecks, and by `strangers`, which asks from outside.
"""

from everup.app.products.certain import doubt, port_of, tcp_ports
from everup.app.products.recipes import BY_PRODUCT, BY_REPOSITORY, Recipe

__all__ = ["BY_PRODUCT", "BY_REPOSITORY", "Recipe", "doubt", "port_of", "tcp_ports"]
