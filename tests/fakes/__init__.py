"""Everything outside the program, in memory: one fake each, for unit tests and the simulation."""
