"""Maintain jobs and stores: reconcile, control and remove jobs, and delete garbage."""
