"""THE PAPER'S CLAIMS, and who runs them."""
