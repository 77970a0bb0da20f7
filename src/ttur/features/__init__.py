"""FEATURES FROM PIXELS. Images in, features out: networks, their weights, resize protocols."""
