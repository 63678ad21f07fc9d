"""The only room that draws: folds first, then text, pictures and files from plain data.

view       lines of styled text, safe on a terminal, in a pipe and in HTML; escape and clock help
dialogue   SMTP as the course text shows it; logbook, queue and ps are the other text views
story      what happened, in plain words; screen puts it together with the verdict
plots      timeline, depth of the queues (depth), retries, the map (atlas), the crash grid; axis, canvas and style
           are shared
widget     the lesson player in a notebook
narration  a sentence for every row of a trace, in several languages
out        everything as real files
player     the lesson page: step, drag back, crash, fork
"""
