"""Configuration files of services: looked at cheaply, kept by content, put back in place.

`look` finds and reads them, `watch` does so in a thread that nobody has to wait for, `exchange`
puts others in their place so that a crash at any moment leaves the old or the new. Which files are
a service's is for the runtime to say: it is shared by those whose services read files of this
machine.
"""

from everup.runtimes.config_files.exchange import Change, FileExchange, Unfinished
from everup.runtimes.config_files.look import Look, Source
from everup.runtimes.config_files.plan import plan
from everup.runtimes.config_files.watch import Sight, Watch, bounded

__all__ = [
    "Change",
    "FileExchange",
    "Look",
    "Sight",
    "Source",
    "Unfinished",
    "Watch",
    "bounded",
    "plan",
]
