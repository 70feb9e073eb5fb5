"""Where callers knock: the AWS endpoints, and the control API beside them."""
