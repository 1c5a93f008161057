"""Import invoice payments from XML files in S3 into ConnectWise PSA."""
