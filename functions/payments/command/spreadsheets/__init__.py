"""Payments in spreadsheets: CSV to the input's XML, and fail files to CSV."""
