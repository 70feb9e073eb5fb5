"""The AWS services beside DynamoDB that its users call."""
