"""RESULTS ON PAPER. Draws and tabulates; computes nothing."""
