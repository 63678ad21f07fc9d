"""Folds over a trace: pure functions from rows to plain data. Views draw them, the verdict judges them.

log         what qmail-send said
dialogues   what was said on each connection
processes   who ran, as whom, and when
queue       every message's files and states over time
mail        copies in mailboxes, and where each message came from
"""
