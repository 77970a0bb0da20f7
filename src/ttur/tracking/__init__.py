"""EVENTS FOR OTHER PEOPLE'S TRACKERS. All optional; one that fails never hurts a run."""
