"""Ends well."""

print("fine")
