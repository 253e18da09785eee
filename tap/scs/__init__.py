"""Simple Cone Search 1.03 on published tables, with what DALI and the draft of 1.1 add."""
