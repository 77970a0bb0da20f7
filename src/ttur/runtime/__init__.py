"""The ground: processes, files and runs on disk. Nothing here knows what a GAN is."""
