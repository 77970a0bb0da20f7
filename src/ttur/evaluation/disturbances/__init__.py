"""Six disturbances of images, and what metrics make of them (Figs. 3, A8-A14)."""
