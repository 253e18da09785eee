"""Distillation of event lists: columnar copies, selection, GADF output. Plain values and files; no Django, no HTTP."""
