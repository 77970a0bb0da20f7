"""One run. A configuration becomes a run directory."""
