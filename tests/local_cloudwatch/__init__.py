"""What CloudWatch does on AWS and MiniStack leaves out: metrics by themselves, alarms by the clock.

`service` runs inside MiniStack's process, beside `launcher.py`; this package imports nothing that
would slow its start down.
"""
