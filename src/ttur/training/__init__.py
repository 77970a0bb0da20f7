"""ONE RUN. A configuration becomes a run directory."""
