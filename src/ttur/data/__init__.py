"""Real samples. A name becomes batches. Nothing here trains."""
