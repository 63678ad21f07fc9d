"""qmail-send: the one program that decides what happens to a message in the queue (qmail-send(8)).

It is one loop that waits for four things: a trigger or a clock for new messages (``todo``), room for another
delivery (``passes``), reports of deliveries (``deliver``), and the clock for stale files (``cleanup``). What it
knows in memory can all be found again in the queue: that is why starting it *is* crash recovery.
"""

from sim.qmail.send.loop import qmail_send

__all__ = ["qmail_send"]
