"""YAML to a validated Scenario: every error with file:line:column and a hint."""
