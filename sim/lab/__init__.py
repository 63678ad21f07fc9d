"""The laboratory: what becomes of a scenario when every crash happens in it that can."""
