"""Queues: how much waits in the queue that a service's owner declared, in a Redis, behind an HTTP
address, or by a command.

Implements `loop.ports.QueueSense`; `create_queue_sense` is the way in. One file for each way of
asking.
"""

from everup.signals.queues.sense import LiveQueueSense, create_queue_sense

__all__ = ["LiveQueueSense", "create_queue_sense"]
