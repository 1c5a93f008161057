"""Find out on one invoice what ConnectWise documents nowhere, and take everything back.

dialogue     what is said to ConnectWise, and what is heard. Pure, as are
known        what has been found out so far
reading      the questions that only read
creating     the questions that write: about new payments,
updating     about payments that are there,
values       and about days and amounts
counting     the questions that are answered by the way
common       what these have in common
questions    the table of all questions, in their order
ledger       what may be in ConnectWise because of us: on disk before it is sent
session      carries out the steps, and takes back what they left
line         one call at a time
opening      the invoice, why it may not be probed, and what an earlier probe left there
run          from the beginning to the end
interrupts   Ctrl-C, once
report       the table, and the file for the maintainers
"""
