"""Each theorem as a study: settings in; a table, curves and a sentence out."""
