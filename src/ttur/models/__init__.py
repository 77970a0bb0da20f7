"""Networks. Tensors in, tensors out."""
