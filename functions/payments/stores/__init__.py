"""AWS: the bucket and the two tables."""
