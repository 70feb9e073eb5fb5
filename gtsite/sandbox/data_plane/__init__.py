"""Items: written in one region, read, replicated to the others."""
