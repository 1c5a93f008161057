"""The README's picture of the page about an import, of a file that was really imported."""
