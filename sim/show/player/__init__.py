"""The lesson player: one page, without server or network, on which a run is stepped, dragged back, crashed and forked.

Python folds a trace into steps and hands them over as JSON; the modules beside this file draw them.

tape        rows -> numbered steps, each distinct one kept once, and sequences that repeat kept once
steps       a row -> its call in words, its sentence, and what it changes
branch      a run and the futures that begin somewhere in it, as data
promises    how the ledger stands after each step
layout      where hosts stand on the map, and the wires between them
questions   what a lesson asks before it shows
words       sentences and labels by language
page        modules, styles and data joined into one file
"""
