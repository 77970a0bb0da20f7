"""RESULTS ON PAPER. Draws and tabulates results; computes none, trains nothing."""
