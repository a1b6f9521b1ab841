"""Support for libraries that wait in C."""
