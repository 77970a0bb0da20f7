"""Is this installation right? Facts that must hold, measured here and now."""
