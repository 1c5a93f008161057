"""A picture of the deployed dashboard, drawn from what a few imports leave on the local stack."""
