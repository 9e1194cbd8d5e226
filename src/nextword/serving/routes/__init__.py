"""The routes over text: tokens, scores, ranks, rescoring and suggestions."""
