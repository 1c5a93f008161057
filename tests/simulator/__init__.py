"""A ConnectWise PSA that runs on this machine: real sockets, real state, and failures on demand.

It answers the calls that concern invoice payments, for tests, demonstrations and benchmarks.
Start it from Python with `simulator.control.Simulator`, or by hand with `python -m simulator`.
What it knows of ConnectWise comes from ConnectWise's OpenAPI description and from working clients;
whatever is documented nowhere is a switch (see `simulator.settings`).
"""
