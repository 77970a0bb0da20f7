"""REAL SAMPLES. A name becomes batches. Nothing here trains."""
