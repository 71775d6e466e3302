"""What the HTML pages of a job are made of."""
