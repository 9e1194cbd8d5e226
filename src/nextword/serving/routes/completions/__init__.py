"""`/v1/completions` in the shape of the OpenAI API."""
