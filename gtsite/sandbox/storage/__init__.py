"""The engine that holds a region's items, as a process."""
