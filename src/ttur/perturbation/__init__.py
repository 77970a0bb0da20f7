"""WHAT ONE PLAYER'S STEP DOES TO THE OTHER'S FIELD. Usable in any training loop."""
