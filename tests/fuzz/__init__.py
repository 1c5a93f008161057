"""Files that nobody has thought of."""
