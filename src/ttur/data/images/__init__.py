"""Image files → pixels: decoding, archives, arrays, reading ahead."""
