"""One published data set, one file: its card and its reader."""
