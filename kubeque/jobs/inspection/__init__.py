"""Inspection of jobs and tasks: details, streams, failures, checks and replays."""
