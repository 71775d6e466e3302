"""Statistics of attempts, and texts about them: spans, use of resources, advice, estimates, failures, explanations."""
