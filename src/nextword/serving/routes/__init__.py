"""The routes over text: tokens, scores, ranks and suggestions."""
