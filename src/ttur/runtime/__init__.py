"""THE GROUND. Nothing here knows what a GAN is."""
