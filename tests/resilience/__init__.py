"""The importer over fakes of everything outside it, killed, paused and starved at every point."""
