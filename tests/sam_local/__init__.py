"""SAM local on this machine: the built function in a container, before a local AWS."""
