"""Tests of the parts by themselves: no sockets, no processes, no AWS."""
