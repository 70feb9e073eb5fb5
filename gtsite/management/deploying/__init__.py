"""What `manage.py deploy` does with the parts of a deployment: plan, carry out, look, take down."""
