"""Everything on this machine: the deployed template, ConnectWise, and files that are imported."""
