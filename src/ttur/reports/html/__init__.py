"""Pages: one file of HTML each, a list of blocks, that needs no server and no network."""
