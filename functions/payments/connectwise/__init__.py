"""ConnectWise: calls to its REST API."""
