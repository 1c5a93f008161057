"""The page about one import, for whoever looks after the payments."""
