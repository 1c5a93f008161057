"""Payment files: XML in and out."""
