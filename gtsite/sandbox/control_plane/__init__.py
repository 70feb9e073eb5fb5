"""Tables and their replicas: what exists, where, with which settings."""
