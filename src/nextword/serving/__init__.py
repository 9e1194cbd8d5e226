"""The HTTP service: completions, scores, suggestions and the page, over the engine contract."""
