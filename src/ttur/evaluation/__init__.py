"""TWO SOURCES BECOME A NUMBER. Source × extractor × metrics → a result with its fingerprint."""
