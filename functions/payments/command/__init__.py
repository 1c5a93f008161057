"""The operator's command. The function never imports it: its packages are not in the layer."""
