"""A model in the browser: its packed weights, the page, and both as one HTML file."""
