"""What is outermost on the stack of a thread."""
