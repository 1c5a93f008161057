"""The function ImportPayments."""
