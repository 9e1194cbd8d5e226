"""The machine that training runs on: what it has, and what is set up on it. Frameworks are imported only if called."""
