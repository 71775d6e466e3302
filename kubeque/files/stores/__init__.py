"""The kinds of stores: local folders and object stores."""
