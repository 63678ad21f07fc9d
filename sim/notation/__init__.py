"""The little languages inside a scenario, each read once and by one module: moments, rules, .qmail lines, durations.

Pure functions over text; nothing here knows a machine, a mail system or a YAML file.
"""
