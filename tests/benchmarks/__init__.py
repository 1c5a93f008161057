"""What the import costs, measured on this machine: `make bench`, or `python -m benchmarks`.

ConnectWise is played by the simulator, with the latency that a table names; S3, DynamoDB and
Secrets Manager by the local stack, over real sockets and TLS. Every contender runs in a process of
its own, and its CPU is that of this process alone.
"""
