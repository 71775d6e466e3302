"""A sweep and the options it takes."""
