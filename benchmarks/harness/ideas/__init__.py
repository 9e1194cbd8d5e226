"""What each idea is worth: the same short training run with one idea switched off or on in turn."""
