"""Results on paper. Draws and tabulates results; computes none, trains nothing."""
